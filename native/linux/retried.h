// A system call that a signal has interrupted is made again: a program may have handlers without SA_RESTART.
#pragma once

#include "../os.h"

namespace exactbind::os {

// Not for close(), after which the descriptor is gone in any case (close(2)).
template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace exactbind::os
