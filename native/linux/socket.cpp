// System calls on a socket that Linux has in its own way: opening one, and the options that take a classic BPF program.
#include <linux/filter.h>

#include "../os.h"

namespace exactbind::os {

int open(int family, int type, int protocol, Handle* handle) {
  *handle = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  return *handle >= 0 ? 0 : errno;
}

// The kernel writes as many instructions as this length says (sk_get_filter() in net/core/filter.c).
size_t lengthUnit(int level, int option) {
  return level == SOL_SOCKET && option == SO_GET_FILTER ? sizeof(sock_filter) : 1;
}

int attachFilter(Handle handle, int option, const void* instructions, size_t length) {
  if (length % sizeof(sock_filter) != 0 || length / sizeof(sock_filter) > BPF_MAXINSNS) return EINVAL;
  sock_fprog program{};
  program.len = static_cast<unsigned short>(length / sizeof(sock_filter));
  program.filter = static_cast<sock_filter*>(const_cast<void*>(instructions));
  return setOption(handle, SOL_SOCKET, option, &program, sizeof program);
}

}  // namespace exactbind::os
