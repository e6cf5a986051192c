// System calls on a socket that macOS has in its own way: opening one, and the classic BPF programs that none takes.
#include "../os.h"

namespace exactbind::os {

// XNU has no SOCK_CLOEXEC: a fork() of another thread between socket() and fcntl() inherits the descriptor.
// posix_spawn() of libuv does not: it asks for POSIX_SPAWN_CLOEXEC_DEFAULT.
int open(int family, int type, int protocol, Handle* handle) {
  *handle = ::socket(family, type, protocol);
  if (*handle < 0) return errno;

  int flags = ::fcntl(*handle, F_GETFL);
  int on = 1;
  if (flags >= 0 && ::fcntl(*handle, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(*handle, F_SETFL, flags | O_NONBLOCK) == 0 &&
      ::setsockopt(*handle, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0) {
    return 0;
  }
  int error = errno;
  ::close(*handle);
  *handle = kNoHandle;
  return error;
}

size_t lengthUnit(int, int) { return 1; }

int attachFilter(Handle, int, const void*, size_t) { return ENOTSUP; }

}  // namespace exactbind::os
