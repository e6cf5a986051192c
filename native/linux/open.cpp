// Opening a socket on Linux.
#include "../os.h"

namespace exactbind::os {

int open(int family, int type, int protocol, Handle* handle) {
  *handle = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  return *handle >= 0 ? 0 : errno;
}

}  // namespace exactbind::os
