#ifndef FATHOM_LAUNCH_SPEC_H
#define FATHOM_LAUNCH_SPEC_H

#include <stdbool.h>
#include <stddef.h>

/// Strings, ended by NULL as `execve` wants them.
struct list {
  char **items;
  size_t count;
};

/// Adds a string, which the list does not copy. Returns 0 or ENOMEM.
int list_append(struct list *list, char *item);

/// What to run and how. Spec files are pairs of NUL-ended strings, key and value, beginning with
/// `fathom-launch` and `1`; a key of a list comes once for each entry. No path, argument or
/// variable can hold a NUL, so nothing needs quoting.
struct spec {
  char *cwd;
  char *log;
  char *record;
  /// `NAME=value`.
  struct list env;
  struct list args;
  /// Seconds; 0: no limit.
  double time_limit;
  /// Seconds from SIGTERM to SIGKILL.
  double grace;
  /// Kill the command when standard input ends: whoever started us has died.
  bool watch;
  /// Have the record on the disk before we end, as other machines and crashes need it.
  bool durable;
  bool isolate;
  struct list hidden;
  struct list readable;
  struct list writable;
};

/// Reads a spec. Returns 0 or an errno; EINVAL where the file is no whole spec.
int spec_read(const char *path, struct spec *spec);

#endif
