// The files that are names of Unix sockets, and the lock beside them.
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

// Between two looks at a lock that somebody else has: what they do under it takes about as long.
constexpr long kPause = 500 * 1000;

int closing(int descriptor, int error) {
  ::close(descriptor);
  return error;
}

bool isSame(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int openLock(const std::string& path, int* descriptor) {
  do {
    *descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  } while (*descriptor < 0 && errno == EINTR);
  return *descriptor >= 0 ? 0 : errno;
}

// Waits for the lock of an open file, until `end`.
int waitForLock(int descriptor, int64_t end) {
  while (true) {
    int error = lockFile(descriptor);
    if (error != EWOULDBLOCK && error != EINTR) return error;
    if (now() >= end) return ETIMEDOUT;
    timespec pause{0, kPause};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

int localPath(Handle handle, std::string* name) {
  sockaddr_un address{};
  auto length = static_cast<socklen_t>(sizeof address);
  if (::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &length) != 0) return errno;
  if (address.sun_family != AF_UNIX) return ENOTSOCK;
  size_t begin = offsetof(sockaddr_un, sun_path);
  size_t size = length > begin ? std::min<size_t>(length - begin, sizeof address.sun_path) : 0;
  bool isAbstract = size > 0 && address.sun_path[0] == '\0';
  name->assign(address.sun_path, isAbstract ? size : strnlen(address.sun_path, size));
  return 0;
}

int fileAt(const std::string& path, bool follow, File* file) {
  struct stat status;
  errno = 0;
  if ((follow ? ::stat(path.c_str(), &status) : ::lstat(path.c_str(), &status)) != 0) {
    // The stat() that Zig links for an old glibc fails without it.
    if (errno == 0) ::faccessat(AT_FDCWD, path.c_str(), F_OK, follow ? 0 : AT_SYMLINK_NOFOLLOW);
    return errno == 0 ? ENOENT : errno;
  }
  file->device = static_cast<uint64_t>(status.st_dev);
  file->inode = status.st_ino;
  file->mode = status.st_mode;
  file->uid = status.st_uid;
  return 0;
}

int lockPath(const std::string& path, uint32_t milliseconds, Handle* lock) {
  int64_t end = now() + milliseconds;
  while (true) {
    int descriptor = -1;
    if (int error = openLock(path, &descriptor); error != 0) return error;
    struct stat opened;
    if (::fstat(descriptor, &opened) != 0) return closing(descriptor, errno);
    // Whoever can open it can keep it locked for ever.
    if (!S_ISREG(opened.st_mode) || (opened.st_mode & 077) != 0) return closing(descriptor, EEXIST);
    if (int error = waitForLock(descriptor, end); error != 0) return closing(descriptor, error);
    // Whoever had it has removed it: the next one may be locked already.
    struct stat named;
    if (::lstat(path.c_str(), &named) == 0 && isSame(opened, named)) {
      *lock = descriptor;
      return 0;
    }
    ::close(descriptor);
    if (now() >= end) return ETIMEDOUT;
  }
}

int removeFile(const std::string& path) { return ::unlink(path.c_str()) == 0 ? 0 : errno; }

int mayChangeFolder(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

}  // namespace exactbind::os
