#ifndef FATHOM_LAUNCH_ISOLATION_H
#define FATHOM_LAUNCH_ISOLATION_H

#include <stdbool.h>

#include "spec.h"

/// Restricts this process and all its children for ever, by Landlock; needs no privilege.
///
/// Reading and executing: everywhere but below `spec->hidden`, and there below `spec->readable`.
/// Reading and writing: below `spec->writable`. Writing besides: devices.
///
/// Landlock can only allow, and what it allows it allows for all that lies below. So a folder on
/// the way to a hidden one cannot be listed, and what others make in it later cannot be read:
/// only the neighbours that are there now are allowed. Of a folder where everybody may make
/// entries (`/tmp`), those alone that the command's arguments or variables name: it may hold
/// thousands, each costs microseconds at each start, and none is an input to rely on.
///
/// Returns 0 or an errno. `*isolated` is false where the kernel has no Landlock, which is no
/// failure.
int isolate(const struct spec *spec, bool *isolated);

#endif
