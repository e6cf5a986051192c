// Unix sockets by path, and descriptors that pass through them (unix(7), SCM_RIGHTS).
#include <sys/file.h>

#include "unix-message.h"

namespace exactbind::os {

namespace {

// Takes every descriptor out of a message, also those for which there is no room left.
bool takeHandles(msghdr* message, Handle* handles, size_t capacity, size_t* count) {
  bool areAll = (message->msg_flags & MSG_CTRUNC) == 0;
  forEachHandle(message, [&](int handle) {
    // Linux has done it by MSG_CMSG_CLOEXEC, in one step with the rest.
    bool isOurs = *count < capacity && ::fcntl(handle, F_SETFD, FD_CLOEXEC) == 0;
    if (isOurs) {
      handles[(*count)++] = handle;
    } else {
      ::close(handle);
      areAll = false;
    }
  });
  return areAll;
}

}  // namespace

int bindPath(Handle handle, const char* path, size_t length) {
  sockaddr_un address;
  socklen_t size = 0;
  int error = unixAddress(path, length, &address, &size);
  return error != 0 ? error : os::bind(handle, reinterpret_cast<const sockaddr*>(&address), size);
}

int connectPath(Handle handle, const char* path, size_t length) {
  sockaddr_un address;
  socklen_t size = 0;
  int error = unixAddress(path, length, &address, &size);
  if (error != 0) return error;
  return ::connect(handle, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

int sendHandles(Handle handle, const void* bytes, size_t* length, const Handle* handles, size_t count) {
  if (count > kMostHandles || *length == 0) return EINVAL;
  iovec data{const_cast<void*>(bytes), *length};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  attachHandles(&message, &control, handles, count);
  ssize_t sent = ::sendmsg(handle, &message, MSG_DONTWAIT);
  if (sent < 0) return errno;
  *length = static_cast<size_t>(sent);
  return 0;
}

int receiveHandles(Handle handle, void* bytes, size_t* length, Handle* handles, size_t* count) {
  size_t capacity = *count;
  *count = 0;
  iovec data{bytes, *length};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t received = ::recvmsg(handle, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return errno;
  *length = static_cast<size_t>(received);
  if (takeHandles(&message, handles, capacity, count)) return 0;
  for (size_t i = 0; i < *count; i++) ::close(handles[i]);
  *count = 0;
  // Also where this process has no descriptor left (unix(7)).
  return EMSGSIZE;
}

int lockFile(Handle file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

}  // namespace exactbind::os
