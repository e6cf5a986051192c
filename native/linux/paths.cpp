// The list of Unix sockets, asked of the kernel with NETLINK_SOCK_DIAG (sock_diag(7)), and the permissions of their
// files.
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <cstring>

#include "diag.h"

namespace exactbind::os {

namespace {

constexpr uint32_t kListen = 10;
// Bound and not listening yet, and every datagram socket.
constexpr uint32_t kClose = 7;

// linux/unix_diag.h of older headers lacks both (Linux 5.3).
constexpr uint32_t kShowUid = 0x40;
constexpr uint16_t kAttributeUid = 7;

// The name of a path: what follows its last slash.
std::string baseOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// What a name is in the kernel's list.
struct Wanted {
  bool isAbstract = false;
  uint32_t inode = 0;
  uint32_t device = 0;
  std::string name;  // the abstract one, or the last part of a path
};

// One message of the list.
struct Found {
  bool hasFile = false;
  unix_diag_vfs file{};
  std::string name;
  int64_t uid = -1;
};

Found read(const unix_diag_msg* message, size_t length) {
  Found found;
  forEachAttribute(message, length, [&](int type, const char* value, size_t size) {
    if (type == UNIX_DIAG_NAME) found.name.assign(value, size);
    if (type == UNIX_DIAG_VFS && size >= sizeof found.file) {
      found.hasFile = true;
      memcpy(&found.file, value, sizeof found.file);
    }
    if (type == kAttributeUid && size >= sizeof(uint32_t)) {
      uint32_t uid;
      memcpy(&uid, value, sizeof uid);
      found.uid = uid;
    }
  });
  return found;
}

bool matches(const Wanted& wanted, const Found& found) {
  if (wanted.isAbstract) return found.name == wanted.name;
  // The list has the lower half of an inode. Of a file of btrfs, or of an overlay over several file systems, its device
  // is another than stat() tells: then the name that it was bound with is asked, of which another folder may be the
  // start.
  if (!found.hasFile || found.file.udiag_vfs_ino != wanted.inode) return false;
  if (found.file.udiag_vfs_dev == wanted.device) return true;
  std::string name = found.name;
  while (!name.empty() && name.back() == '\0') name.pop_back();
  return baseOf(name) == wanted.name;
}

void append(const unix_diag_msg* message, size_t length, const Wanted& wanted, std::vector<Socket>* list) {
  Found found = read(message, length);
  if (!matches(wanted, found)) return;
  Socket socket;
  socket.local.ss_family = AF_UNIX;
  socket.state = message->udiag_state;
  socket.uid = found.uid;
  socket.inode = message->udiag_ino;
  list->push_back(socket);
}

int ask(int netlink, const Wanted& wanted, std::vector<Socket>* list) {
  struct {
    nlmsghdr header;
    unix_diag_req body;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = 1U << kListen | 1U << kClose;
  request.body.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | kShowUid;
  return dump<unix_diag_msg>(
      netlink, request, [&](const unix_diag_msg* message, size_t length) { append(message, length, wanted, list); });
}

}  // namespace

int pathSockets(const std::string& name, std::vector<Socket>* list) {
  Wanted wanted;
  wanted.isAbstract = !name.empty() && name.front() == '\0';
  wanted.name = wanted.isAbstract ? name : baseOf(name);
  if (!wanted.isAbstract) {
    struct stat status;
    if (::lstat(name.c_str(), &status) != 0) return errno == ENOENT ? 0 : errno;
    wanted.inode = static_cast<uint32_t>(status.st_ino);
    // As the kernel itself keeps it: 12 bits and 20 (linux/kdev_t.h).
    wanted.device = major(status.st_dev) << 20 | minor(status.st_dev);
  }
  int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return errno;
  int error = ask(netlink, wanted, list);
  ::close(netlink);
  return error;
}

int setFileMode(const std::string& path, uint32_t mode) {
  // Of the file that is looked at here, whatever the path names a moment later.
  int descriptor = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return errno;
  struct stat status;
  char same[32];
  int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
  if (error == 0 && !S_ISSOCK(status.st_mode)) error = EEXIST;
  if (error == 0 && snprintf(same, sizeof same, "/proc/self/fd/%d", descriptor) < 0) error = errno;
  if (error == 0 && ::chmod(same, mode) != 0) error = errno;
  ::close(descriptor);
  return error;
}

}  // namespace exactbind::os
