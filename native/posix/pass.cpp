// Unix sockets by path, and descriptors that pass through them (unix(7), SCM_RIGHTS).
#include <sys/file.h>
#include <sys/un.h>

#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

// As many as Linux passes in one message (SCM_MAX_FD). Room for all, because macOS leaves open whatever finds none.
union Control {
  cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(kMostHandles * sizeof(int))];
};

int addressOf(const char* path, size_t length, sockaddr_un* address, socklen_t* size) {
  // A path ends with a zero byte, an abstract name begins with one.
  bool isAbstract = length > 0 && path[0] == '\0';
  size_t taken = isAbstract ? length : length + 1;
  if (length == 0 || taken > sizeof address->sun_path) return ENAMETOOLONG;
  if (!isAbstract && memchr(path, 0, length) != nullptr) return ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  *size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + taken);
  return 0;
}

// Takes every descriptor out of a message, also those for which there is no room left.
bool takeHandles(msghdr* message, Handle* handles, size_t capacity, size_t* count) {
  bool areAll = (message->msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* one = CMSG_FIRSTHDR(message); one != nullptr; one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    size_t passed = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < passed; i++) {
      int handle;
      memcpy(&handle, CMSG_DATA(one) + i * sizeof handle, sizeof handle);
      // Linux has done it by MSG_CMSG_CLOEXEC, in one step with the rest.
      bool isOurs = *count < capacity && ::fcntl(handle, F_SETFD, FD_CLOEXEC) == 0;
      if (isOurs) {
        handles[(*count)++] = handle;
      } else {
        ::close(handle);
        areAll = false;
      }
    }
  }
  return areAll;
}

}  // namespace

int bindPath(Handle handle, const char* path, size_t length) {
  sockaddr_un address;
  socklen_t size = 0;
  int error = addressOf(path, length, &address, &size);
  return error != 0 ? error : os::bind(handle, reinterpret_cast<const sockaddr*>(&address), size);
}

int connectPath(Handle handle, const char* path, size_t length) {
  sockaddr_un address;
  socklen_t size = 0;
  int error = addressOf(path, length, &address, &size);
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
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(count * sizeof(int)));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(count * sizeof(int)));
    memcpy(CMSG_DATA(header), handles, count * sizeof(int));
  }
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
