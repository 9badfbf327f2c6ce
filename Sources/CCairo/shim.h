#include <ft2build.h>
#include FT_FREETYPE_H
#include <cairo-ft.h>
#include <cairo.h>
