/* A wall clock that is wrong: what this program is told of the time of day is so many seconds later than it is, or earlier if
 * the number is negative. The number is the content of the file that SHIFTED_CLOCK_FILE names: a signed number of eight bytes.
 * It is read at every call, so the clock can be changed while the program runs. Clocks that measure how long something takes
 * are left alone.
 *
 * For LD_PRELOAD. The tests compile it at run time, because the Rust code here has no unsafe in it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t *shared;

/* Before the program's own code. A clock that stays right without a word would have tests pass that prove nothing. */
__attribute__((constructor)) static void map_file(void) {
    const char *name = getenv("SHIFTED_CLOCK_FILE");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
        perror("SHIFTED_CLOCK_FILE");
        _exit(1);
    }
    close(file);
    shared = mapped;
}

static time_t shift(void) {
    return shared ? (time_t)__atomic_load_n(shared, __ATOMIC_RELAXED) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int outcome = (int)syscall(SYS_clock_gettime, clock, now);
    if (outcome == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += shift();
    }
    return outcome;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) {
        return -1;
    }
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) {
        return (time_t)-1;
    }
    if (kept) {
        *kept = precise.tv_sec;
    }
    return precise.tv_sec;
}
