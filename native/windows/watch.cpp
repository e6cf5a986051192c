// Windows does not report that a socket of another process has gone: a waiter has to look.
#include "../os.h"

namespace exactbind::os {

int watchPorts(int, uint16_t, uint16_t, Wake, void*, Watch**) { return WSAEOPNOTSUPP; }

int watchProcess(int64_t, Wake, void*, Watch**) { return WSAEOPNOTSUPP; }

int stopWatch(Watch*) { return 0; }

}  // namespace exactbind::os
