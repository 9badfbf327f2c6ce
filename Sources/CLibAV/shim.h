#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

// Macros that Swift's importer does not understand.
static const int fathom_averror_eof = AVERROR_EOF;
static const int fathom_averror_again = AVERROR(EAGAIN);
static const int fathom_averror_no_memory = AVERROR(ENOMEM);
static const int64_t fathom_no_pts = AV_NOPTS_VALUE;
