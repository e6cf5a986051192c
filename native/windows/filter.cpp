// Classic BPF programs, which no socket of Windows takes.
#include "../os.h"

namespace exactbind::os {

size_t lengthUnit(int, int) { return 1; }

int attachFilter(Handle, int, const void*, size_t) { return WSAEOPNOTSUPP; }

}  // namespace exactbind::os
