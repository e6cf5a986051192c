// What messages between Unix sockets are made of: the address, and descriptors that come along (unix(7), SCM_RIGHTS).
#pragma once

#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

// As many as Linux passes in one message (SCM_MAX_FD). Room for all, because macOS leaves open whatever finds none.
union Control {
  cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(kMostHandles * sizeof(int))];
};

// A path, which ends with a zero byte, or an abstract name, which begins with one.
inline int unixAddress(const char* name, size_t length, sockaddr_un* address, socklen_t* size) {
  bool isAbstract = length > 0 && name[0] == '\0';
  size_t taken = isAbstract ? length : length + 1;
  if (length == 0 || taken > sizeof address->sun_path) return ENAMETOOLONG;
  if (!isAbstract && memchr(name, 0, length) != nullptr) return EINVAL;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, name, length);
  *size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + taken);
  return 0;
}

inline void attachHandles(msghdr* message, Control* control, const Handle* handles, size_t count) {
  if (count == 0) return;
  message->msg_control = control->bytes;
  message->msg_controllen = static_cast<decltype(message->msg_controllen)>(CMSG_SPACE(count * sizeof(int)));
  cmsghdr* header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(count * sizeof(int)));
  memcpy(CMSG_DATA(header), handles, count * sizeof(int));
}

// Calls `take(handle)` for every descriptor that a message has brought.
template <typename Take>
void forEachHandle(msghdr* message, Take take) {
  for (cmsghdr* one = CMSG_FIRSTHDR(message); one != nullptr; one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    size_t passed = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < passed; i++) {
      int handle;
      memcpy(&handle, CMSG_DATA(one) + i * sizeof handle, sizeof handle);
      take(handle);
    }
  }
}

}  // namespace exactbind::os
