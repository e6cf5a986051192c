// The clock of clock_gettime(2).
#include <time.h>

#include "../os.h"

namespace exactbind::os {

int64_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

}  // namespace exactbind::os
