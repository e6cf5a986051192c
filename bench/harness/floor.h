// What the C programs of bench/ share: the clock, idle threads, and the answer to a line of input.
#ifndef EXACTBIND_BENCH_FLOOR_H
#define EXACTBIND_BENCH_FLOOR_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static inline void *idle(void *unused) {
  for (;;) pause();
  return unused;
}

// As many idle threads as the first argument says. The kernel counts references to descriptors only in a process with
// threads, and Node's has them.
static inline void start_threads(int count, char **arguments) {
  for (int left = count > 1 ? atoi(arguments[1]) : 0; left > 0; left--) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, idle, NULL) != 0) exit(1);
  }
}

// The nanoseconds, or what failed.
static inline void answer(int64_t took, const char *failed) {
  if (failed == NULL) {
    printf("%lld\n", (long long)took);
  } else {
    printf("%s\n", failed);
  }
  fflush(stdout);
}

#endif
