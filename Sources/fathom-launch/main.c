// fathom-launch SPEC: runs one command and writes how it ended.
//
// The command gets a process group of its own, no standard input, one log for its output, a time
// limit and, where asked for, isolation. Nothing of it outlives this process. What became of it is
// in the exit record (JSON), written by temp and rename; without a record this process was killed,
// or ends with the errno that kept it from writing one.
//
// SIGTERM, SIGINT and SIGHUP go on to the command's group. Where the spec says `watch`, the end of
// standard input kills the group: whoever holds its other end has died, or wants just that.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolation.h"
#include "spec.h"

/// What the child tells before it becomes the command; shared memory.
struct start {
  /// What could not be done, e.g. "enter the work folder"; empty where the command began.
  char failed[64];
  int code;
  bool isolated;
};

/// How it went.
struct ending {
  int status;
  bool timed_out;
  double started;
  double ended;
};

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// --- The child ---------------------------------------------------------------------------------

static void fail(struct start *start, const char *what, int code) {
  snprintf(start->failed, sizeof start->failed, "%s", what);
  start->code = code;
  _exit(code == ENOENT ? 127 : 126);
}

/// Becomes the command, which writes to `output`. `start` says why it could not.
static void become(const struct spec *spec, struct start *start, int output, pid_t parent) {
  setpgid(0, 0);
  // Whatever kills the parent kills the command.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);

  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) fail(start, "open /dev/null", errno);
  if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) {
    fail(start, "redirect the output", errno);
  }
  if (chdir(spec->cwd) != 0) fail(start, "enter the work folder", errno);
  if (spec->isolate) {
    int code = isolate(spec, &start->isolated);
    if (code) fail(start, "isolate the command", code);
  }

  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  environ = spec->env.items;
  execvp(spec->args.items[0], spec->args.items);
  int code = errno;
  dprintf(STDERR_FILENO, "cannot execute '%s': %s\n", spec->args.items[0], strerror(code));
  fail(start, "execute", code);
}

// --- The parent --------------------------------------------------------------------------------

/// Kills what the command left: its group by then holds nobody else, so we look for our children,
/// which as the subreaper are all that descend from it.
static void kill_leftovers(int signals) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  // A process in uninterruptible sleep may not be waited for endlessly.
  double give_up = seconds(CLOCK_MONOTONIC) + 5;
  for (;;) {
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid > 0) continue;
    if (pid < 0 || seconds(CLOCK_MONOTONIC) > give_up) return;
    FILE *children = fopen(path, "re");
    int child;
    while (children && fscanf(children, "%d", &child) == 1) kill(child, SIGKILL);
    if (children) fclose(children);
    struct pollfd wait = {.fd = signals, .events = POLLIN};
    struct signalfd_siginfo ignored;
    if (poll(&wait, 1, 50) > 0) (void)!read(signals, &ignored, sizeof ignored);
  }
}

/// Reaps who has ended. True when the command has: then it is a zombie still, so that the id of its
/// group cannot have been given to another.
static bool command_ended(pid_t command) {
  for (;;) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return false;
    if (info.si_pid == command) return true;
    waitpid(info.si_pid, NULL, 0);
  }
}

static void forward(pid_t group, int number) {
  kill(-group, number);
  // A stopped process would never learn of it.
  kill(-group, SIGCONT);
}

/// What the command writes comes through a pipe, since a command that opens `/dev/stderr` would
/// empty a log that it had been given itself.
struct output {
  /// The end that we read, non-blocking; -1 when all has been read.
  int pipe;
  int log;
};

/// Moves to the log what has come. A log that cannot be written must not stop the command.
static void drain(struct output *output) {
  char bytes[65536];
  while (output->pipe >= 0) {
    ssize_t got = read(output->pipe, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      close(output->pipe);
      output->pipe = -1;
      return;
    }
    for (ssize_t done = 0, wrote; done < got; done += wrote) {
      wrote = write(output->log, bytes + done, (size_t)(got - done));
      if (wrote < 0 && errno != EINTR) break;
      if (wrote < 0) wrote = 0;
    }
    // Whoever writes without end may not keep us from the time limit.
    if (got < (ssize_t)sizeof bytes) return;
    break;
  }
}

/// Waits for the end of the command, and brings it about where it is due.
static struct ending supervise(
    const struct spec *spec, pid_t command, int signals, struct output *output) {
  struct ending ending = {0};
  double deadline =
      spec->time_limit > 0 ? seconds(CLOCK_MONOTONIC) + spec->time_limit : INFINITY;
  struct pollfd events[3] = {
      {.fd = signals, .events = POLLIN},
      {.fd = spec->watch ? STDIN_FILENO : -1, .events = POLLIN},
      {.fd = output->pipe, .events = POLLIN},
  };
  while (!command_ended(command)) {
    double left = deadline - seconds(CLOCK_MONOTONIC);
    if (left <= 0) {
      if (ending.timed_out) {
        kill(-command, SIGKILL);
        deadline = INFINITY;
      } else {
        ending.timed_out = true;
        forward(command, SIGTERM);
        deadline += spec->grace;
      }
      continue;
    }
    int milliseconds = left > 1e6 ? (left == INFINITY ? -1 : 1000000000) : (int)(left * 1e3) + 1;
    if (poll(events, 3, milliseconds) <= 0) continue;
    struct signalfd_siginfo info;
    if (events[0].revents && read(signals, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGCHLD) forward(command, (int)info.ssi_signo);
    }
    if (events[1].revents) {
      char ignored[16];
      ssize_t got = read(STDIN_FILENO, ignored, sizeof ignored);
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        kill(-command, SIGKILL);
        events[1].fd = -1;
      }
    }
    if (events[2].revents) {
      drain(output);
      events[2].fd = output->pipe;
    }
  }
  kill(-command, SIGKILL);
  waitpid(command, &ending.status, 0);
  kill_leftovers(signals);
  // All that wrote are dead, so what is left is at most what fits into a pipe.
  drain(output);
  drain(output);
  ending.ended = seconds(CLOCK_REALTIME);
  return ending;
}

// --- The record --------------------------------------------------------------------------------

static void print_string(FILE *file, const char *text) {
  putc('"', file);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c < 0x20 || *c == '"' || *c == '\\') fprintf(file, "\\u%04x", *c);
    else putc(*c, file);
  }
  putc('"', file);
}

static void print_record(
    FILE *file, const struct spec *spec, const struct start *start, const struct ending *ending) {
  struct rusage used;
  getrusage(RUSAGE_CHILDREN, &used);
  double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  fputs("{\"schema_version\":1", file);
  if (WIFEXITED(ending->status)) fprintf(file, ",\"exit_code\":%d", WEXITSTATUS(ending->status));
  if (WIFSIGNALED(ending->status)) fprintf(file, ",\"signal\":%d", WTERMSIG(ending->status));
  fprintf(file, ",\"timed_out\":%s", ending->timed_out ? "true" : "false");
  fprintf(file, ",\"cpu_seconds\":%.6f", cpu);
  fprintf(file, ",\"max_resident_bytes\":%lld", (long long)used.ru_maxrss * 1024);
  fprintf(file, ",\"started\":%.6f,\"ended\":%.6f", ending->started, ending->ended);
  if (spec->isolate) fprintf(file, ",\"isolated\":%s", start->isolated ? "true" : "false");
  if (start->failed[0]) {
    fputs(",\"failed\":", file);
    print_string(file, start->failed);
    fputs(",\"error\":", file);
    print_string(file, strerror(start->code));
  }
  fputs(",\"host\":", file);
  print_string(file, host);
  fputs("}\n", file);
}

/// Makes the renaming in the folder of `path` last.
static int sync_folder(const char *path) {
  char *folder = strdup(path);
  if (!folder) return ENOMEM;
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = 0;
  int file = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int code = file < 0 || fsync(file) != 0 ? errno : 0;
  if (file >= 0) close(file);
  free(folder);
  return code;
}

/// Returns 0 or an errno.
static int write_record(
    const struct spec *spec, const struct start *start, const struct ending *ending) {
  char *temporary;
  if (asprintf(&temporary, "%s.tmp", spec->record) < 0) return ENOMEM;
  FILE *file = fopen(temporary, "we");
  if (!file) return errno;
  print_record(file, spec, start, ending);
  int code = 0;
  if (fflush(file) != 0 || (spec->durable && fsync(fileno(file)) != 0)) code = errno;
  if (fclose(file) != 0 && !code) code = errno;
  if (!code && rename(temporary, spec->record) != 0) code = errno;
  if (!code && spec->durable) code = sync_folder(spec->record);
  return code;
}

// -----------------------------------------------------------------------------------------------

static int complain(const char *what, int code) {
  fprintf(stderr, "fathom-launch: %s: %s\n", what, strerror(code));
  return code;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: fathom-launch SPEC\n", stderr);
    return EINVAL;
  }
  // Neither a terminal's Ctrl-C nor what the command does to its group reaches us.
  setsid();
  syscall(SYS_close_range, 3, ~0U, 0);
  struct spec spec;
  int code = spec_read(argv[1], &spec);
  if (code) return complain(argv[1], code);

  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGHUP);
  sigprocmask(SIG_SETMASK, &watched, NULL);
  int signals = signalfd(-1, &watched, SFD_CLOEXEC);
  if (signals < 0) return complain("signalfd", errno);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct start *start =
      mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return complain("mmap", errno);

  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return complain("pipe", errno);
  fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  struct output output = {
      .pipe = pipe[0], .log = open(spec.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
  if (output.log < 0) return complain(spec.log, errno);

  double started = seconds(CLOCK_REALTIME);
  pid_t parent = getpid();
  pid_t command = fork();
  if (command < 0) return complain("fork", errno);
  if (command == 0) become(&spec, start, pipe[1], parent);
  close(pipe[1]);
  setpgid(command, command);
  struct ending ending = supervise(&spec, command, signals, &output);
  ending.started = started;
  code = write_record(&spec, start, &ending);
  return code ? complain(spec.record, code) : 0;
}
