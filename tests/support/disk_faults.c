/* Makes the n-th call that writes to a folder fail; loaded before the C library by LD_PRELOAD.

   Calls on paths in DISK_FAULT_FOLDER are counted, and told in DISK_FAULT_LOG: a line each with
   their number, name and path, and " !" where they failed. Those numbered from DISK_FAULT_FIRST to
   DISK_FAULT_LAST fail with DISK_FAULT_ERRNO. A full disk (ENOSPC) still lets go of what it holds;
   and a write that finds it full for good has half of its bytes stored first, as disks do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum fate { PASSES, FAILS, HALF };

static long counted;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static void absolute(char *out, int at, const char *path) {
  char base[PATH_MAX] = "", link[64];
  if (path == NULL || path[0] != '/') {
    snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
    if (readlink(link, base, sizeof base - 1) < 0) base[0] = 0;
  }
  if (path == NULL) snprintf(out, PATH_MAX, "%s", base);
  else if (path[0] == '/') snprintf(out, PATH_MAX, "%s", path);
  else snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static void tell(long mine, const char *call, const char *path, int failed) {
  char line[PATH_MAX + 64];
  int size = snprintf(line, sizeof line, "%ld %s %s%s\n", mine, call, path, failed ? " !" : "");
  int log = syscall(SYS_openat, AT_FDCWD, getenv("DISK_FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  syscall(SYS_write, log, line, size);
  syscall(SYS_close, log);
}

/* What becomes of a call on a path, or with path NULL on an open file; sets errno if it fails. */
static enum fate fate(const char *call, int at, const char *path) {
  const char *folder = getenv("DISK_FAULT_FOLDER");
  char whole[PATH_MAX];
  int before = errno;
  absolute(whole, at, path);
  errno = before;
  if (folder == NULL || strncmp(whole, folder, strlen(folder))) return PASSES;
  char end = whole[strlen(folder)];
  if (end != 0 && end != '/') return PASSES;
  long mine = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
  long first = number("DISK_FAULT_FIRST"), last = number("DISK_FAULT_LAST");
  int code = number("DISK_FAULT_ERRNO");
  int frees = strstr("unlink rmdir chmod", call) != NULL;
  int failed = first <= mine && mine <= last && !(code == ENOSPC && frees);
  tell(mine, call, whole, failed);
  errno = failed ? code : before;
  if (!failed) return PASSES;
  return code == ENOSPC && mine == first && last > first ? HALF : FAILS;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
  if ((flags & O_CREAT) && fate("open", at, path)) return -1;
  return syscall(SYS_openat, at, path, flags, mode);
}

#define MODE(flags) \
  va_list more; \
  va_start(more, flags); \
  mode_t mode = (flags & O_CREAT) ? va_arg(more, mode_t) : 0; \
  va_end(more);
int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }

ssize_t write(int fd, const void *data, size_t size) {
  enum fate is = fate("write", fd, NULL);
  if (is == FAILS || (is == HALF && size < 2)) return -1;
  return syscall(SYS_write, fd, data, is == HALF ? size / 2 : size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  enum fate is = fate("pwrite", fd, NULL);
  if (is == FAILS || (is == HALF && size < 2)) return -1;
  return syscall(SYS_pwrite64, fd, data, is == HALF ? size / 2 : size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }

#define ELSE_FAILS(call, at, path, real) return fate(call, at, path) ? -1 : (int)(real)
ssize_t writev(int fd, const struct iovec *parts, int count) { ELSE_FAILS("writev", fd, NULL, syscall(SYS_writev, fd, parts, count)); }
int fsync(int fd) { ELSE_FAILS("fsync", fd, NULL, syscall(SYS_fsync, fd)); }
int fdatasync(int fd) { ELSE_FAILS("fdatasync", fd, NULL, syscall(SYS_fdatasync, fd)); }
int ftruncate(int fd, off_t size) { ELSE_FAILS("ftruncate", fd, NULL, syscall(SYS_ftruncate, fd, size)); }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int rename(const char *from, const char *to) { ELSE_FAILS("rename", AT_FDCWD, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)); }
int renameat(int at, const char *from, int to_at, const char *to) { ELSE_FAILS("rename", to_at, to, syscall(SYS_renameat2, at, from, to_at, to, 0)); }
int mkdir(const char *path, mode_t mode) { ELSE_FAILS("mkdir", AT_FDCWD, path, syscall(SYS_mkdirat, AT_FDCWD, path, mode)); }
int unlink(const char *path) { ELSE_FAILS("unlink", AT_FDCWD, path, syscall(SYS_unlinkat, AT_FDCWD, path, 0)); }
int unlinkat(int at, const char *path, int flags) { ELSE_FAILS(flags ? "rmdir" : "unlink", at, path, syscall(SYS_unlinkat, at, path, flags)); }
int rmdir(const char *path) { ELSE_FAILS("rmdir", AT_FDCWD, path, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)); }
int chmod(const char *path, mode_t mode) { ELSE_FAILS("chmod", AT_FDCWD, path, syscall(SYS_fchmodat, AT_FDCWD, path, mode)); }
