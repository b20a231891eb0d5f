/*
 * A disk that fails, below Node: preloaded (LD_PRELOAD), this stands between a process and the C library's calls that write and
 * synchronise files. By environment:
 *
 *   FAULTS_UNDER    the folder whose files are affected
 *   FAULTS_CONTROL  a file with the fault of the moment, read at each call: `OPERATIONS ACTION EVERY`, such as `write,sync EIO 1`.
 *                   OPERATIONS has `write`, `sync` or both. ACTION is EIO, ENOSPC, or for writes alone `short` (half is written,
 *                   without an error) or `partial` (so is half of the first, and then there is no room, as on a disk that is
 *                   filling up). It hits each EVERYth call. An empty or missing file means no faults. A write to a file that was
 *                   opened with O_SYNC or O_DSYNC is both, one after the other: if `sync` fails, the bytes are in the file, and
 *                   the call fails.
 *   FAULTS_LOG      a file to which one byte is added for each fault, `w` or `s`
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { NONE, FAIL, HALF };

static atomic_uint calls;
static atomic_uint parts_taken;

static int is_affected(int fd) {
  const char *folder = getenv("FAULTS_UNDER");
  char link[64], path[4096];
  if (folder == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

/* By system calls, so as not to come back here. */
static size_t read_control(char *text, size_t size) {
  const char *path = getenv("FAULTS_CONTROL");
  int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  long length = syscall(SYS_read, fd, text, size - 1);
  syscall(SYS_close, fd);
  text[length < 0 ? 0 : length] = 0;
  return strlen(text);
}

static void count_fault(const char *operation) {
  const char *path = getenv("FAULTS_LOG");
  int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  syscall(SYS_write, fd, operation, 1);
  syscall(SYS_close, fd);
}

/* What is to become of a call; for FAIL, errno is set. */
static enum action fault_of(int fd, const char *operation) {
  int before = errno;
  char text[128], operations[32], action[32];
  unsigned every;
  if (!is_affected(fd) || read_control(text, sizeof text) == 0 ||
      sscanf(text, "%31s %31s %u", operations, action, &every) != 3 || strstr(operations, operation) == NULL || every == 0 ||
      (atomic_fetch_add(&calls, 1) + 1) % every != 0) {
    errno = before;
    return NONE;
  }
  count_fault(operation);
  int is_half = strcmp(action, "short") == 0 || (strcmp(action, "partial") == 0 && atomic_fetch_add(&parts_taken, 1) == 0);
  errno = is_half ? before : strcmp(action, "EIO") == 0 ? EIO : ENOSPC;
  return is_half ? HALF : FAIL;
}

/* What a write has taken, or -1 if it was to be synchronised and that fails. */
static ssize_t synchronised(int fd, ssize_t written) {
  int flags = written < 0 ? -1 : fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_DSYNC) == 0) return written; /* O_SYNC includes the bit of O_DSYNC */
  return fault_of(fd, "sync") == FAIL ? -1 : written;
}

static size_t half(size_t count) { return count > 1 ? count / 2 : count; }

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

typedef ssize_t (*plain_write)(int, const void *, size_t);
typedef ssize_t (*placed_write)(int, const void *, size_t, off64_t);
typedef ssize_t (*parts_write)(int, const struct iovec *, int);
typedef ssize_t (*placed_parts_write)(int, const struct iovec *, int, off64_t);
typedef int (*synchronise)(int);

ssize_t write(int fd, const void *bytes, size_t count) {
  enum action action = fault_of(fd, "write");
  if (action == FAIL) return -1;
  return synchronised(fd, NEXT(plain_write, "write")(fd, bytes, action == HALF ? half(count) : count));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  enum action action = fault_of(fd, "write");
  if (action == FAIL) return -1;
  return synchronised(fd, NEXT(placed_write, "pwrite64")(fd, bytes, action == HALF ? half(count) : count, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }

/* Half of several parts is half of the first. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  enum action action = fault_of(fd, "write");
  if (action == FAIL) return -1;
  return synchronised(fd, action == HALF ? NEXT(plain_write, "write")(fd, parts[0].iov_base, half(parts[0].iov_len))
                                         : NEXT(parts_write, "writev")(fd, parts, count));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  enum action action = fault_of(fd, "write");
  if (action == FAIL) return -1;
  return synchronised(fd, action == HALF ? NEXT(placed_write, "pwrite64")(fd, parts[0].iov_base, half(parts[0].iov_len), offset)
                                         : NEXT(placed_parts_write, "pwritev64")(fd, parts, count, offset));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

int fsync(int fd) { return fault_of(fd, "sync") == FAIL ? -1 : NEXT(synchronise, "fsync")(fd); }

int fdatasync(int fd) { return fault_of(fd, "sync") == FAIL ? -1 : NEXT(synchronise, "fdatasync")(fd); }
