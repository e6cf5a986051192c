// The table of the sockets that hold a port: not to be had from one call on Linux and macOS.
#include "../os.h"

namespace exactbind::os {

int holders(int, int, uint16_t, Holder*, size_t, size_t*) { return ENOTSUP; }

}  // namespace exactbind::os
