// Classic BPF programs, which no socket of macOS takes.
#include "../os.h"

namespace exactbind::os {

size_t lengthUnit(int, int) { return 1; }

int attachFilter(Handle, int, const void*, size_t) { return ENOTSUP; }

}  // namespace exactbind::os
