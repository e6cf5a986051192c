// Windows passes no handle through a socket: named pipes and WSADuplicateSocketW do that there.
#include "../os.h"

namespace exactbind::os {

int bindPath(Handle, const char*, size_t) { return WSAEOPNOTSUPP; }

int connectPath(Handle, const char*, size_t) { return WSAEOPNOTSUPP; }

int sendHandles(Handle, const void*, size_t*, const Handle*, size_t) { return WSAEOPNOTSUPP; }

int receiveHandles(Handle, void*, size_t*, Handle*, size_t*) { return WSAEOPNOTSUPP; }

int lockFile(Handle) { return WSAEOPNOTSUPP; }

}  // namespace exactbind::os
