// What only Windows needs or has: the sockets of an event loop, which Node shows here, and WSAIoctl().
#include "../os.h"

namespace exactbind::os {

int loopSockets(void*, LoopSocket*, size_t, size_t*) { return ENOTSUP; }

int control(Handle, uint32_t, const void*, size_t, void*, size_t*) { return ENOTSUP; }

}  // namespace exactbind::os
