// The clock that counts from the start of the system.
#include "../os.h"

namespace exactbind::os {

int64_t now() { return static_cast<int64_t>(GetTickCount64()); }

}  // namespace exactbind::os
