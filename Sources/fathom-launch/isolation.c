#define _GNU_SOURCE
#include "isolation.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel's interface, so that the headers of an old system do. Source: Linux,
// include/uapi/linux/landlock.h; the system calls have these numbers on every architecture.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct ruleset {
  uint64_t handled_access_fs;
};

struct path_beneath {
  uint64_t allowed_access;
  int32_t parent;
} __attribute__((packed));

#define EXECUTE (UINT64_C(1) << 0)
#define WRITE_FILE (UINT64_C(1) << 1)
#define READ_FILE (UINT64_C(1) << 2)
#define READ_DIR (UINT64_C(1) << 3)
#define REMOVE_AND_MAKE (UINT64_C(0x1ff) << 4)
#define REFER (UINT64_C(1) << 13)
#define TRUNCATE (UINT64_C(1) << 14)

#define READING (EXECUTE | READ_FILE | READ_DIR)
#define WRITING (WRITE_FILE | REMOVE_AND_MAKE | REFER | TRUNCATE)
/// What a rule for something other than a folder may hold.
#define OF_FILES (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE)

/// What is being put together: the ruleset's descriptor and the rights that this kernel knows.
struct builder {
  int ruleset;
  uint64_t known;
  const struct spec *spec;
};

static void allow_open(const struct builder *builder, int path, uint64_t rights, bool folder) {
  struct path_beneath rule = {
      .allowed_access = rights & builder->known & (folder ? ~UINT64_C(0) : OF_FILES),
      .parent = path,
  };
  // What cannot be allowed stays forbidden, and the command's own error will name it.
  (void)syscall(ADD_RULE, builder->ruleset, RULE_PATH_BENEATH, &rule, 0);
}

/// Allows `rights` at `name` and below; does nothing where it is gone or out of reach.
static void allow(
    const struct builder *builder, int folder, const char *name, int flags, uint64_t rights) {
  int path = openat(folder, name, O_PATH | O_CLOEXEC | flags);
  if (path < 0) return;
  struct stat status;
  if (fstat(path, &status) == 0) {
    allow_open(builder, path, rights, S_ISDIR(status.st_mode));
  }
  close(path);
}

/// Whether the first component of `path` is `name`, `length` bytes long.
static bool begins_with(const char *path, const char *name, size_t length) {
  return strncmp(path, name, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/// Whether everybody may make entries in a folder, as in `/tmp`.
static bool is_shared(int folder) {
  struct stat status;
  return fstat(folder, &status) == 0 && status.st_mode & S_ISVTX && status.st_mode & S_IWOTH;
}

/// Whether a text begins with the name, and not with a longer one.
static bool mentions(const char *text, const char *name, size_t length) {
  if (strncmp(text, name, length) != 0) return false;
  char next = text[length];
  return next == 0 || (!isalnum((unsigned char)next) && !strchr("._-", next));
}

/// What follows on the path of `folder` wherever the arguments and variables of the command have
/// it, but where it leads to something hidden. The path is `hidden[0]`, `prefix` bytes of it.
static int find_mentions(
    const struct spec *spec, char **hidden, size_t count, size_t prefix, struct list *found) {
  char *folder = strndup(hidden[0], prefix);
  if (!folder) return ENOMEM;
  const struct list *sources[] = {&spec->args, &spec->env};
  int failure = 0;
  for (size_t i = 0; i < 2; i++) {
    for (size_t j = 0; j < sources[i]->count; j++) {
      char *text = sources[i]->items[j];
      while (!failure && (text = strstr(text, folder))) {
        text += prefix;
        bool leads_to_hidden = false;
        for (size_t k = 0; k < count && !leads_to_hidden; k++) {
          const char *name = hidden[k] + prefix;
          leads_to_hidden = mentions(text, name, strcspn(name, "/"));
        }
        if (!leads_to_hidden) failure = list_append(found, text);
      }
    }
  }
  free(folder);
  return failure;
}

/// Allows reading the entries of `folder` that the texts found begin with. The folder is not
/// listed: one that everybody may write to can hold thousands.
static void allow_mentioned(
    const struct builder *builder, int folder, const struct list *found) {
  for (size_t i = 0; i < found->count; i++) {
    const char *text = found->items[i];
    char name[NAME_MAX + 1];
    // A name may hold what ends one elsewhere, such as a space: every end is tried.
    for (size_t length = 0; length < NAME_MAX && text[length] != 0 && text[length] != '/';) {
      name[length] = text[length];
      name[++length] = 0;
      if (!mentions(text, name, length)) continue;
      if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
      allow(builder, folder, name, O_NOFOLLOW, READING);
    }
  }
}

/// Allows reading all entries of `folder` but those that lead to one of `hidden`; where everybody
/// may write, those alone that the command mentions.
static void allow_neighbours(
    const struct builder *builder, int folder, char **hidden, size_t count, size_t prefix) {
  if (is_shared(folder)) {
    struct list found = {0};
    int failure = find_mentions(builder->spec, hidden, count, prefix, &found);
    if (!failure) allow_mentioned(builder, folder, &found);
    free(found.items);
    if (!failure) return;
  }
  int listing = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = listing < 0 ? NULL : fdopendir(listing);
  if (!entries) {
    if (listing >= 0) close(listing);
    return;
  }
  for (struct dirent *entry; (entry = readdir(entries));) {
    const char *name = entry->d_name;
    // A symbolic link needs no right: where it leads to decides.
    if (entry->d_type == DT_LNK || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    bool leads_to_hidden = false;
    for (size_t i = 0; i < count && !leads_to_hidden; i++) {
      leads_to_hidden = begins_with(hidden[i] + prefix, name, strlen(name));
    }
    if (leads_to_hidden) continue;
    if (entry->d_type == DT_UNKNOWN) {
      allow(builder, folder, name, O_NOFOLLOW, READING);
      continue;
    }
    int path = openat(folder, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (path < 0) continue;
    allow_open(builder, path, READING, entry->d_type == DT_DIR);
    close(path);
  }
  closedir(entries);
}

/// Allows reading all below `folder` but the `hidden` paths. Their first `prefix` bytes are the
/// path of `folder` with a slash at its end, and more follows in each.
static int allow_around(
    const struct builder *builder, int folder, char **hidden, size_t count, size_t prefix) {
  allow_neighbours(builder, folder, hidden, count, prefix);
  char **below = calloc(count, sizeof *below);
  if (!below) return ENOMEM;
  int failure = 0;
  for (size_t i = 0; i < count && !failure; i++) {
    const char *name = hidden[i] + prefix;
    size_t length = strcspn(name, "/");
    bool done = false;
    size_t inner = 0;
    for (size_t j = 0; j < count && !done; j++) {
      if (!begins_with(hidden[j] + prefix, name, length)) continue;
      // Hidden as a whole, or visited for an earlier path.
      done = hidden[j][prefix + length] == 0 || j < i;
      below[inner++] = hidden[j];
    }
    if (done) continue;
    char *copy = strndup(name, length);
    if (!copy) {
      failure = ENOMEM;
      break;
    }
    int next = openat(folder, copy, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    free(copy);
    if (next < 0) continue;
    failure = allow_around(builder, next, below, inner, prefix + length + 1);
    close(next);
  }
  free(below);
  return failure;
}

/// Symbolic links resolved; without what does not exist or lies where we cannot go.
static int resolve(const struct list *paths, struct list *resolved) {
  resolved->items = calloc(paths->count + 1, sizeof *resolved->items);
  if (!resolved->items) return ENOMEM;
  for (size_t i = 0; i < paths->count; i++) {
    char *path = realpath(paths->items[i], NULL);
    if (path) resolved->items[resolved->count++] = path;
  }
  return 0;
}

static int allow_reading(const struct builder *builder, const struct list *hidden) {
  if (hidden->count == 0) {
    allow(builder, AT_FDCWD, "/", 0, READING);
    return 0;
  }
  for (size_t i = 0; i < hidden->count; i++) {
    if (strcmp(hidden->items[i], "/") == 0) return 0;
  }
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  int failure = allow_around(builder, root, hidden->items, hidden->count, 1);
  close(root);
  return failure;
}

static void allow_devices(const struct builder *builder, const struct list *hidden) {
  for (size_t i = 0; i < hidden->count; i++) {
    // A project in shared memory (`/dev/shm`): no more than what every shell script needs.
    if (begins_with(hidden->items[i] + 1, "dev", 3)) {
      allow(builder, AT_FDCWD, "/dev/null", 0, WRITE_FILE | TRUNCATE);
      return;
    }
  }
  // Terminals, `/dev/null`, graphics processors: file permissions alone decide there.
  allow(builder, AT_FDCWD, "/dev", 0, WRITE_FILE | TRUNCATE);
  allow(builder, AT_FDCWD, "/dev/shm", 0, READING | WRITING);
}

int isolate(const struct spec *spec, bool *isolated) {
  long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
  *isolated = version >= 1;
  if (!*isolated) return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : errno;

  // Version 2 brought REFER (before it, renaming between folders always fails), 3 TRUNCATE.
  uint64_t known = READING | WRITE_FILE | REMOVE_AND_MAKE;
  if (version >= 2) known |= REFER;
  if (version >= 3) known |= TRUNCATE;
  struct ruleset attributes = {.handled_access_fs = known};
  int ruleset = (int)syscall(CREATE_RULESET, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return errno;

  struct builder builder = {.ruleset = ruleset, .known = known, .spec = spec};
  struct list hidden = {0};
  int failure = resolve(&spec->hidden, &hidden);
  if (!failure) failure = allow_reading(&builder, &hidden);
  for (size_t i = 0; i < spec->readable.count; i++) {
    allow(&builder, AT_FDCWD, spec->readable.items[i], 0, READING);
  }
  for (size_t i = 0; i < spec->writable.count; i++) {
    allow(&builder, AT_FDCWD, spec->writable.items[i], 0, READING | WRITING);
  }
  allow_devices(&builder, &hidden);

  if (!failure && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) failure = errno;
  if (!failure && syscall(RESTRICT_SELF, ruleset, 0) != 0) failure = errno;
  // `hidden` goes with the process image, which the command replaces now.
  close(ruleset);
  return failure;
}
