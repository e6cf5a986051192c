// Windows has no notices of this kind, and a process inherits no socket by its number.
#include "../os.h"

namespace exactbind::os {

int sendNotice(const char*, size_t, const void*, size_t, const Handle*, size_t) { return WSAEOPNOTSUPP; }

int openInbox(const char*, size_t, Hear, void*, Inbox**) { return WSAEOPNOTSUPP; }

void stopInbox(Inbox*) {}

int inherit(Handle) { return WSAEOPNOTSUPP; }

}  // namespace exactbind::os
