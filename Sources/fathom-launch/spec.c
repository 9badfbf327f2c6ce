#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int list_append(struct list *list, char *item) {
  // Room for the item and NULL, doubled at powers of two.
  if ((list->count & (list->count + 1)) == 0) {
    char **items = realloc(list->items, (list->count + 1) * 2 * sizeof *items);
    if (!items) return ENOMEM;
    list->items = items;
  }
  list->items[list->count++] = item;
  list->items[list->count] = NULL;
  return 0;
}

static int set(struct spec *spec, const char *key, char *value) {
  if (strcmp(key, "cwd") == 0) spec->cwd = value;
  else if (strcmp(key, "log") == 0) spec->log = value;
  else if (strcmp(key, "record") == 0) spec->record = value;
  else if (strcmp(key, "env") == 0) return list_append(&spec->env, value);
  else if (strcmp(key, "arg") == 0) return list_append(&spec->args, value);
  else if (strcmp(key, "time-limit") == 0) spec->time_limit = strtod(value, NULL);
  else if (strcmp(key, "grace") == 0) spec->grace = strtod(value, NULL);
  else if (strcmp(key, "watch") == 0) spec->watch = true;
  else if (strcmp(key, "durable") == 0) spec->durable = true;
  else if (strcmp(key, "isolate") == 0) spec->isolate = true;
  else if (strcmp(key, "hidden") == 0) return list_append(&spec->hidden, value);
  else if (strcmp(key, "readable") == 0) return list_append(&spec->readable, value);
  else if (strcmp(key, "writable") == 0) return list_append(&spec->writable, value);
  else return EINVAL;
  return 0;
}

/// All bytes of a file, with a NUL behind them.
static int read_file(const char *path, char **bytes, size_t *count) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
  struct stat status;
  int failure = fstat(file, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
  size_t size = failure ? 0 : (size_t)status.st_size;
  *bytes = failure ? NULL : malloc(size + 1);
  if (!failure && !*bytes) failure = ENOMEM;
  *count = 0;
  while (!failure && *count < size) {
    ssize_t got = read(file, *bytes + *count, size - *count);
    if (got > 0) *count += (size_t)got;
    else if (got == 0) break;
    else if (errno != EINTR) failure = errno;
  }
  if (!failure) (*bytes)[*count] = 0;
  close(file);
  return failure;
}

int spec_read(const char *path, struct spec *spec) {
  *spec = (struct spec){.grace = 5};
  char *bytes = NULL;
  size_t size = 0;
  int failure = read_file(path, &bytes, &size);
  if (failure) return failure;
  if (size == 0 || bytes[size - 1] != 0) return EINVAL;
  // `bytes` lives as long as the process: the spec points into it.
  bool first = true;
  for (char *key = bytes, *end = bytes + size; key < end;) {
    char *value = key + strlen(key) + 1;
    if (value >= end) return EINVAL;
    if (first) failure = strcmp(key, "fathom-launch") || strcmp(value, "1") ? EINVAL : 0;
    else failure = set(spec, key, value);
    if (failure) return failure;
    first = false;
    key = value + strlen(value) + 1;
  }
  if (!spec->cwd || !spec->log || !spec->record || !spec->args.count) return EINVAL;
  if (!spec->env.items) spec->env.items = calloc(1, sizeof *spec->env.items);
  return spec->env.items ? 0 : ENOMEM;
}
