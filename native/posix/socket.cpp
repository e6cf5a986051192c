// System calls on a socket that Linux and macOS share, their clock, and what of the seam only Windows needs or has.
#include <time.h>

#include "../os.h"

namespace exactbind::os {

int start() { return 0; }

int setOption(Handle handle, int level, int option, const void* value, size_t length) {
  return ::setsockopt(handle, level, option, value, static_cast<socklen_t>(length)) == 0 ? 0 : errno;
}

int getOption(Handle handle, int level, int option, void* value, size_t* length) {
  auto size = static_cast<socklen_t>(*length);
  if (::getsockopt(handle, level, option, value, &size) != 0) return errno;
  *length = size;
  return 0;
}

int bind(Handle handle, const sockaddr* address, socklen_t length) {
  return ::bind(handle, address, length) == 0 ? 0 : errno;
}

int listen(Handle handle, int backlog) { return ::listen(handle, backlog) == 0 ? 0 : errno; }

int localAddress(Handle handle, sockaddr_storage* address, socklen_t* length) {
  return ::getsockname(handle, reinterpret_cast<sockaddr*>(address), length) == 0 ? 0 : errno;
}

int duplicate(Handle handle, Handle* copy) {
  *copy = ::fcntl(handle, F_DUPFD_CLOEXEC, 0);
  return *copy >= 0 ? 0 : errno;
}

int close(Handle handle) {
  // EINTR is not retried: Linux has released the descriptor by then, and its number may be somebody else's already
  // (close(2), "Dealing with error returns").
  return ::close(handle) == 0 || errno == EINTR ? 0 : errno;
}

int64_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

// WSAIoctl(), and the sockets of an event loop, which Node shows here.
int control(Handle, uint32_t, const void*, size_t, void*, size_t*) { return ENOTSUP; }

int loopSockets(void*, LoopSocket*, size_t, size_t*) { return ENOTSUP; }

}  // namespace exactbind::os
