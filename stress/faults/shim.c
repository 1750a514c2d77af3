/* Stands between a server and its C library (LD_PRELOAD): a wall clock that can be set, and a disk that can fail, as
   the file that the environment variable FAULTS names says at every moment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile struct orders {
    int64_t seconds;      /* how far the wall clock is ahead */
    int32_t write_error;  /* what writing to a file ends with, as errno; 0 is well */
    int32_t sync_error;   /* likewise for fsync and fdatasync */
} *orders;

__attribute__((constructor)) static void find_orders(void)
{
    const char *path = getenv("FAULTS");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file >= 0) {
        void *memory = mmap(NULL, sizeof *orders, PROT_READ, MAP_SHARED, file, 0);
        orders = memory == MAP_FAILED ? NULL : memory;
        close(file);
    }
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

/* Sockets, pipes and the log are not the disk. */
static int fails(int file, int32_t error)
{
    struct stat found;
    if (error == 0 || file <= STDERR_FILENO || fstat(file, &found) != 0 || !S_ISREG(found.st_mode))
        return 0;
    errno = error;
    return 1;
}

#define WRITING(file) (orders && fails(file, orders->write_error))
#define SYNCING(file) (orders && fails(file, orders->sync_error))

ssize_t write(int file, const void *data, size_t size)
{
    return WRITING(file) ? -1 : REAL(write)(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    return WRITING(file) ? -1 : REAL(pwrite)(file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset)
{
    return WRITING(file) ? -1 : REAL(pwrite64)(file, data, size, offset);
}

int fsync(int file)
{
    return SYNCING(file) ? -1 : REAL(fsync)(file);
}

int fdatasync(int file)
{
    return SYNCING(file) ? -1 : REAL(fdatasync)(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);
    if (orders && result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += orders->seconds;
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int result = REAL(gettimeofday)(now, zone);
    if (orders && result == 0)
        now->tv_sec += orders->seconds;
    return result;
}

time_t time(time_t *now)
{
    struct timespec shifted;
    clock_gettime(CLOCK_REALTIME, &shifted);
    if (now)
        *now = shifted.tv_sec;
    return shifted.tv_sec;
}
