// The Unix sockets of the processes that this user may look into, asked of libproc, and the permissions of their files.
#include <libproc.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

constexpr int32_t kListen = 10;
constexpr int32_t kClose = 7;

std::string baseOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<pid_t> processes() {
  int bytes = ::proc_listpids(PROC_ALL_PIDS, 0, nullptr, 0);
  std::vector<pid_t> list(bytes > 0 ? static_cast<size_t>(bytes) / sizeof(pid_t) + 64 : 0);
  bytes = ::proc_listpids(PROC_ALL_PIDS, 0, list.data(), static_cast<int>(list.size() * sizeof(pid_t)));
  list.resize(bytes > 0 ? static_cast<size_t>(bytes) / sizeof(pid_t) : 0);
  return list;
}

std::vector<proc_fdinfo> descriptors(pid_t pid) {
  int bytes = ::proc_pidinfo(pid, PROC_PIDLISTFDS, 0, nullptr, 0);
  std::vector<proc_fdinfo> list(bytes > 0 ? static_cast<size_t>(bytes) / sizeof(proc_fdinfo) + 16 : 0);
  int size = static_cast<int>(list.size() * sizeof(proc_fdinfo));
  bytes = ::proc_pidinfo(pid, PROC_PIDLISTFDS, 0, list.data(), size);
  list.resize(bytes > 0 ? static_cast<size_t>(bytes) / sizeof(proc_fdinfo) : 0);
  return list;
}

// What stands in the way of a path: a socket that was bound to it, by any spelling. Of one that was bound to a relative
// path, only the name is known.
bool isBoundTo(const sockaddr_un& address, const std::string& name, const struct stat& file) {
  std::string bound(address.sun_path, strnlen(address.sun_path, sizeof address.sun_path));
  if (bound.empty() || baseOf(bound) != baseOf(name)) return false;
  struct stat status;
  if (bound.front() != '/') return true;
  return ::lstat(bound.c_str(), &status) == 0 && status.st_dev == file.st_dev && status.st_ino == file.st_ino;
}

void append(pid_t pid, const socket_fdinfo& info, std::vector<Socket>* list) {
  uint64_t inode = info.psi.soi_so;
  auto same = std::find_if(list->begin(), list->end(), [inode](auto& one) { return one.inode == inode; });
  if (same == list->end()) {
    Socket socket;
    socket.local.ss_family = AF_UNIX;
    socket.state = (info.psi.soi_options & SO_ACCEPTCONN) != 0 ? kListen : kClose;
    socket.inode = inode;
    list->push_back(socket);
    same = list->end() - 1;
  }
  if (same->pids.empty() || same->pids.back() != pid) same->pids.push_back(pid);
}

// A connection that was accepted has the name of its listener too.
bool isConnected(const socket_info& info) {
  return info.soi_proto.pri_un.unsi_conn_so != 0 && (info.soi_options & SO_ACCEPTCONN) == 0;
}

}  // namespace

int pathSockets(const std::string& name, std::vector<Socket>* list) {
  struct stat file;
  if (::lstat(name.c_str(), &file) != 0) return errno == ENOENT ? 0 : errno;
  for (pid_t pid : processes()) {
    for (const proc_fdinfo& descriptor : descriptors(pid)) {
      if (descriptor.proc_fdtype != PROX_FDTYPE_SOCKET) continue;
      socket_fdinfo info{};
      int size = ::proc_pidfdinfo(pid, descriptor.proc_fd, PROC_PIDFDSOCKETINFO, &info, sizeof info);
      if (size < static_cast<int>(sizeof info) || info.psi.soi_kind != SOCKINFO_UN || isConnected(info.psi)) continue;
      if (isBoundTo(info.psi.soi_proto.pri_un.unsi_addr.ua_sun, name, file)) append(pid, info, list);
    }
  }
  // The processes of others are looked into by root alone.
  return ::geteuid() == 0 ? 0 : EPERM;
}

int setFileMode(const std::string& path, uint32_t mode) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return errno;
  if (!S_ISSOCK(status.st_mode)) return EEXIST;
  return ::fchmodat(AT_FDCWD, path.c_str(), static_cast<mode_t>(mode), AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

}  // namespace exactbind::os
