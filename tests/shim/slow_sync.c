/* A slow disk: every fsync and fdatasync of the program takes SLOW_SYNC_MICROSECONDS longer.
 *
 * For LD_PRELOAD. The load runner compiles it at run time, because the Rust code here has no unsafe in it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_function)(int);

static void delay(void) {
    static long microseconds = -1;
    if (microseconds < 0) {
        const char *text = getenv("SLOW_SYNC_MICROSECONDS");
        microseconds = text ? atol(text) : 0;
    }
    struct timespec rest = {microseconds / 1000000, (microseconds % 1000000) * 1000};
    while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
    }
}

int fsync(int file) {
    static sync_function real;
    if (!real) {
        real = (sync_function)dlsym(RTLD_NEXT, "fsync");
    }
    delay();
    return real(file);
}

int fdatasync(int file) {
    static sync_function real;
    if (!real) {
        real = (sync_function)dlsym(RTLD_NEXT, "fdatasync");
    }
    delay();
    return real(file);
}
