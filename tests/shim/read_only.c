/* A file system that becomes read-only under a program: once the file that READ_ONLY_WHEN names is there, nothing can be written to regular files, nor
 * opened to be written. Pipes and sockets are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_read_only(void) {
    const char *when = getenv("READ_ONLY_WHEN");
    return when != NULL && access(when, F_OK) == 0;
}

static int refuses(int fd) {
    struct stat found;
    int before = errno;
    int refused = fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && is_read_only();
    errno = refused ? EROFS : before;
    return refused;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    static ssize_t (*next)(int, const void *, size_t);
    if (next == NULL) next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return refuses(fd) ? -1 : next(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (next == NULL) next = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return refuses(fd) ? -1 : next(fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite64(fd, bytes, length, at);
}

int ftruncate64(int fd, off64_t length) {
    static int (*next)(int, off64_t);
    if (next == NULL) next = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    return refuses(fd) ? -1 : next(fd, length);
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

static int open_next(const char *path, int flags, mode_t mode) {
    static int (*next)(const char *, int, ...);
    if (next == NULL) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    if ((flags & O_ACCMODE) != O_RDONLY && is_read_only()) {
        errno = EROFS;
        return -1;
    }
    return next(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_next(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_next(path, flags, mode);
}
