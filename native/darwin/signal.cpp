// macOS has no handle of a process: whoever signals one has its number, and checks again when it was started.
#include "../os.h"

namespace exactbind::os {

int openProcess(int64_t, int64_t*) { return ENOTSUP; }

int signalProcess(int64_t, int) { return ENOTSUP; }

int closeProcess(int64_t) { return ENOTSUP; }

}  // namespace exactbind::os
