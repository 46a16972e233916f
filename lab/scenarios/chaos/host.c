/*
 * Preloaded into the programs of a rehearsal: a clock that is wrong and a disk that is slow, on demand.
 *
 * The file named by CHAOS_CONTROL holds four 64-bit numbers of the machine's byte order, which all programs map: what
 * is added to the wall clock, in seconds; how long each write and sync of a regular file takes longer, in microseconds;
 * and, counted by the programs, how often a clock was wrong when it was read, and how many writes and syncs took longer.
 * Monotonic clocks stay right, as they do when an administrator sets a clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t clock_offset_s;
    int64_t disk_delay_us;
    int64_t wrong_reads;
    int64_t delayed_writes;
};

static struct control right;
static volatile struct control *control = &right;

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("CHAOS_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        control = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    int64_t offset_s = control->clock_offset_s;
    if (!failed && offset_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += offset_s;
        __atomic_add_fetch(&control->wrong_reads, 1, __ATOMIC_RELAXED);
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *stored) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stored)
        *stored = now.tv_sec;
    return now.tv_sec;
}

static void wait_for_disk(int fd) {
    struct stat found;
    int64_t delay_us = control->disk_delay_us;
    if (delay_us > 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        usleep((useconds_t)delay_us);
        __atomic_add_fetch(&control->delayed_writes, 1, __ATOMIC_RELAXED);
    }
}

ssize_t write(int fd, const void *bytes, size_t count) {
    wait_for_disk(fd);
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    wait_for_disk(fd);
    return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

int fsync(int fd) {
    wait_for_disk(fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    wait_for_disk(fd);
    return (int)syscall(SYS_fdatasync, fd);
}
