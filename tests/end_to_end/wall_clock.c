/* A wall clock that a test can make jump: preloaded into one process, it adds what stands in a file
 * (microseconds, eight bytes, named by WALL_CLOCK_JUMP) to all that the process asks of CLOCK_REALTIME.
 * The monotonic clocks, by which everything waits, are left alone. (libfaketime cannot do this: it moves
 * CLOCK_BOOTTIME too, or breaks clock_nanosleep.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jump_us;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("WALL_CLOCK_JUMP");
  const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *jump_us, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) jump_us = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  if (real_gettime == NULL) begin(); /* before our own constructor ran */
  const int result = real_gettime(clock, at);
  const int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result != 0 || jump_us == NULL || !is_wall) return result;
  const int64_t ns = at->tv_sec * INT64_C(1000000000) + at->tv_nsec + *jump_us * 1000;
  at->tv_sec = ns / 1000000000;
  at->tv_nsec = ns % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
