// What Windows does not have: sockets whose name is a file. Its named pipes are libuv's to make.
#include "../os.h"

namespace exactbind::os {

int localPath(Handle, std::string*) { return WSAEOPNOTSUPP; }

int fileAt(const std::string&, bool, File*) { return WSAEOPNOTSUPP; }

int lockPath(const std::string&, uint32_t, Handle*) { return WSAEOPNOTSUPP; }

int removeFile(const std::string&) { return WSAEOPNOTSUPP; }

int setFileMode(const std::string&, uint32_t) { return WSAEOPNOTSUPP; }

int mayChangeFolder(const std::string&) { return WSAEOPNOTSUPP; }

int pathSockets(const std::string&, std::vector<Socket>*) { return WSAEOPNOTSUPP; }

}  // namespace exactbind::os
