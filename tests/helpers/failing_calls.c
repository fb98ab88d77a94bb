/* Has calls of the C library fail as those of a file server do, in every process that loads it.

FAULT_CALL   rename, fsync, lock, open, close, stat (its errors), or late (times of change)
FAULT_ERRNO  the number of the error
FAULT_PATH   part of the paths that are meant
FAULT_SKIP   how many calls go well before
FAULT_TIMES  how many calls then fail, in all processes together
FAULT_NOTES  a folder in which they count
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define LATE_SECONDS 3

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

/* Whether this is the first to take a number, told by a file that only one can make. */
static int take(long count) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%ld", getenv("FAULT_NOTES"), count);
  long file = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (file < 0) return 0;
  syscall(SYS_close, file);
  return 1;
}

static int is_meant(const char *call, const char *path) {
  const char *wanted = getenv("FAULT_CALL"), *part = getenv("FAULT_PATH");
  return wanted && part && path && !strcmp(wanted, call) && strstr(path, part) != NULL;
}

static int fails(const char *call, const char *path) {
  int before = errno;
  if (!is_meant(call, path)) return 0;
  long skip = number("FAULT_SKIP"), end = skip + number("FAULT_TIMES");
  for (long count = 0; count < end; count++)
    if (take(count)) {
      errno = count < skip ? before : number("FAULT_ERRNO");
      return count >= skip;
    }
  errno = before;
  return 0;
}

static int fd_fails(const char *call, int file) {
  char link[64], path[4096];
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

int rename(const char *from, const char *to) {
  return fails("rename", to) ? -1 : REAL(rename)(from, to);
}

int renameat(int in, const char *from, int at, const char *to) {
  return fails("rename", to) ? -1 : REAL(renameat)(in, from, at, to);
}

int fsync(int file) { return fd_fails("fsync", file) ? -1 : REAL(fsync)(file); }

int flock(int file, int kind) { return fd_fails("lock", file) ? -1 : REAL(flock)(file, kind); }

/* as on Linux: the descriptor is gone, whatever close says */
int close(int file) {
  int bad = fd_fails("close", file), number = errno;
  int result = REAL(close)(file);
  if (!bad) return result;
  errno = number;
  return -1;
}

#define OPEN(name)                                                   \
  int name(const char *path, int flags, ...) {                       \
    va_list more;                                                    \
    va_start(more, flags);                                           \
    mode_t mode = va_arg(more, mode_t);                              \
    va_end(more);                                                    \
    return fails("open", path) ? -1 : REAL(name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

/* A file that was changed a moment ago has another time until a cache notices. */
static void late(const char *path, struct stat *found) {
  if (is_meant("late", path) && time(NULL) - found->st_mtime < LATE_SECONDS)
    found->st_mtime -= 60;
}

#define STAT(name)                                                              \
  int name(const char *path, struct name *found) {                              \
    if (fails("stat", path)) return -1;                                         \
    int result = ((int (*)(const char *, struct name *))dlsym(RTLD_NEXT, #name))( \
        path, found);                                                           \
    if (!result) late(path, (struct stat *)found);                              \
    return result;                                                              \
  }
#define stat64 stat64
STAT(stat)
STAT(stat64)

int fstatat64(int at, const char *path, struct stat64 *found, int flags) {
  if (fails("stat", path)) return -1;
  int result = ((int (*)(int, const char *, struct stat64 *, int))dlsym(RTLD_NEXT, "fstatat64"))(
      at, path, found, flags);
  if (!result) late(path, (struct stat *)found);
  return result;
}
