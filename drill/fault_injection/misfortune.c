/* What goes wrong below a process without it: a disk that is full, that can only be read or that is broken, and a clock
 * that jumps.
 *
 * Loaded with LD_PRELOAD. MISFORTUNE names a file that is mapped: two numbers of 64 bits, written from outside while the
 * process runs. The first, if not 0, is the error (errno) of every write to a regular file, of everything that makes or
 * lengthens one, and of every sync; the second is added to the clock, in nanoseconds. Elapsed time is left as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct misfortune { volatile int64_t error, clock; };
static const struct misfortune none;
static const struct misfortune *now = &none;

__attribute__((constructor)) static void begin(void)
{
    const char *place = getenv("MISFORTUNE");
    int file = place ? open(place, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) now = mapped;
}

/* Pipes, sockets and the log on standard error are no disk. */
static int fails(int file)
{
    struct stat about;
    if (now->error == 0 || file <= 2 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
    errno = (int)now->error;
    return 1;
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int file, const void *data, size_t size)
{ REAL(ssize_t, "write", int, const void *, size_t); return fails(file) ? -1 : real(file, data, size); }
ssize_t writev(int file, const struct iovec *parts, int count)
{ REAL(ssize_t, "writev", int, const struct iovec *, int); return fails(file) ? -1 : real(file, parts, count); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at)
{ REAL(ssize_t, "pwrite", int, const void *, size_t, off_t); return fails(file) ? -1 : real(file, data, size, at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at)
{ REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t); return fails(file) ? -1 : real(file, data, size, at); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{ REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t); return fails(file) ? -1 : real(file, parts, count, at); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at)
{ REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t); return fails(file) ? -1 : real(file, parts, count, at); }
int ftruncate(int file, off_t size)
{ REAL(int, "ftruncate", int, off_t); return fails(file) ? -1 : real(file, size); }
int ftruncate64(int file, off64_t size)
{ REAL(int, "ftruncate64", int, off64_t); return fails(file) ? -1 : real(file, size); }
int fallocate(int file, int mode, off_t at, off_t size)
{ REAL(int, "fallocate", int, int, off_t, off_t); return fails(file) ? -1 : real(file, mode, at, size); }
int posix_fallocate(int file, off_t at, off_t size)
{ REAL(int, "posix_fallocate", int, off_t, off_t); return fails(file) ? errno : real(file, at, size); }
int posix_fallocate64(int file, off64_t at, off64_t size)
{ REAL(int, "posix_fallocate64", int, off64_t, off64_t); return fails(file) ? errno : real(file, at, size); }
int fsync(int file)
{ REAL(int, "fsync", int); return fails(file) ? -1 : real(file); }
int fdatasync(int file)
{ REAL(int, "fdatasync", int); return fails(file) ? -1 : real(file); }
int sync_file_range(int file, off64_t at, off64_t size, unsigned int how)
{ REAL(int, "sync_file_range", int, off64_t, off64_t, unsigned int); return fails(file) ? -1 : real(file, at, size, how); }

static int makes(int how)
{
    if (now->error == 0 || !(how & O_CREAT)) return 0;
    errno = (int)now->error;
    return 1;
}

#define OPEN() \
    mode_t mode = 0; \
    if (how & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, how); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int how, ...)
{ OPEN() REAL(int, "open", const char *, int, ...); return makes(how) ? -1 : real(path, how, mode); }
int open64(const char *path, int how, ...)
{ OPEN() REAL(int, "open64", const char *, int, ...); return makes(how) ? -1 : real(path, how, mode); }
int openat(int at, const char *path, int how, ...)
{ OPEN() REAL(int, "openat", int, const char *, int, ...); return makes(how) ? -1 : real(at, path, how, mode); }
int openat64(int at, const char *path, int how, ...)
{ OPEN() REAL(int, "openat64", int, const char *, int, ...); return makes(how) ? -1 : real(at, path, how, mode); }

int clock_gettime(clockid_t which, struct timespec *time)
{
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(which, time);
    if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) && now->clock != 0) {
        int64_t sum = time->tv_nsec + now->clock % 1000000000;
        time->tv_sec += now->clock / 1000000000 + (sum >= 1000000000) - (sum < 0);
        time->tv_nsec = sum >= 1000000000 ? sum - 1000000000 : sum < 0 ? sum + 1000000000 : sum;
    }
    return result;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
    time->tv_sec = precise.tv_sec;
    time->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *into)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (into) *into = precise.tv_sec;
    return precise.tv_sec;
}
