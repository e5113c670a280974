/* Preloaded: sets the system clock back, or lets a suspend pass, as one program sees it.
 *
 * From CLOCK_SHIFT_AT_NS (CLOCK_MONOTONIC) on, CLOCK_REALTIME is CLOCK_SHIFT_REAL_S seconds on and
 * CLOCK_BOOTTIME CLOCK_SHIFT_BOOT_S seconds on. A suspend moves both; CLOCK_MONOTONIC never moves.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int (*clock_reader)(clockid_t, struct timespec *);

static clock_reader original(void)
{
    static clock_reader found;
    if (!found)
        found = (clock_reader)dlsym(RTLD_NEXT, "clock_gettime");
    return found;
}

static long long variable(const char *name)
{
    const char *text = getenv(name);
    return text ? atoll(text) : 0;
}

static long long shift_s(clockid_t clock)
{
    if (clock == CLOCK_REALTIME)
        return variable("CLOCK_SHIFT_REAL_S");
    return clock == CLOCK_BOOTTIME ? variable("CLOCK_SHIFT_BOOT_S") : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    struct timespec monotonic;
    int failed = original()(clock, now);
    if (failed || original()(CLOCK_MONOTONIC, &monotonic))
        return failed;
    if (monotonic.tv_sec * 1000000000LL + monotonic.tv_nsec >= variable("CLOCK_SHIFT_AT_NS"))
        now->tv_sec += shift_s(clock);
    return 0;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec time;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &time))
        return -1;
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
