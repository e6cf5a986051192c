// Opening a socket on Linux.
#include "../os.h"

namespace exactbind::os {

int open(int family, int type, Handle* handle) {
  *handle = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return *handle >= 0 ? 0 : errno;
}

}  // namespace exactbind::os
