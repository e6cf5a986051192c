// The processes that hold sockets, found by inode among the descriptors in /proc.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

class Folder {
 public:
  Folder(int parent, const char* path) {
    int descriptor = ::openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    stream_ = ::fdopendir(descriptor);
    if (stream_ == nullptr) ::close(descriptor);
  }
  ~Folder() {
    if (stream_ != nullptr) ::closedir(stream_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  bool isOpen() const { return stream_ != nullptr; }
  int descriptor() const { return ::dirfd(stream_); }

  // The next entry whose name is a number, or null.
  const char* next() {
    // Safe on a stream that no other thread reads.
    while (const dirent* entry = ::readdir(stream_)) {  // NOLINT(concurrency-mt-unsafe)
      if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') return entry->d_name;
    }
    return nullptr;
  }

 private:
  DIR* stream_ = nullptr;
};

// The sockets that no process has been found for yet, by inode.
class Wanted {
 public:
  explicit Wanted(std::vector<Socket>* list) {
    for (Socket& socket : *list) {
      if (socket.inode != 0 && socket.pid < 0) sockets_.push_back(&socket);
    }
    std::sort(sockets_.begin(), sockets_.end(), [](auto* a, auto* b) { return a->inode < b->inode; });
    left_ = sockets_.size();
  }

  size_t left() const { return left_; }
  bool isEmpty() const { return left_ == 0; }

  bool isUser(uint32_t uid) const {
    return std::any_of(sockets_.begin(), sockets_.end(), [uid](auto* socket) { return socket->uid == uid; });
  }

  void found(uint64_t inode, long pid) {
    auto at = std::lower_bound(sockets_.begin(), sockets_.end(), inode,
                               [](auto* socket, uint64_t wanted) { return socket->inode < wanted; });
    if (at == sockets_.end() || (*at)->inode != inode || (*at)->pid >= 0) return;
    (*at)->pid = pid;
    left_--;
  }

 private:
  std::vector<Socket*> sockets_;
  size_t left_;
};

// EMFILE or ENFILE, with which nobody can be looked into; who has ended and who is another user's is passed over.
int lookInto(int proc, long pid, int64_t end, Wanted* wanted) {
  constexpr char kPrefix[] = "socket:[";
  constexpr size_t kPrefixLength = sizeof kPrefix - 1;
  char path[32];
  if (snprintf(path, sizeof path, "%ld/fd", pid) < 0) return errno;
  Folder descriptors(proc, path);
  if (!descriptors.isOpen()) return errno == EMFILE || errno == ENFILE ? errno : 0;
  while (const char* name = wanted->isEmpty() ? nullptr : descriptors.next()) {
    // One process can have a million.
    if (now() >= end) return ETIMEDOUT;
    char target[64];
    ssize_t length = ::readlinkat(descriptors.descriptor(), name, target, sizeof target - 1);
    if (length <= static_cast<ssize_t>(kPrefixLength) || memcmp(target, kPrefix, kPrefixLength) != 0) continue;
    target[length] = '\0';
    wanted->found(strtoull(target + kPrefixLength, nullptr, 10), pid);
  }
  return 0;
}

// Whoever asks again, because it was refused again, mostly asks about the same process.
std::atomic<long> lastFound{-1};

}  // namespace

int owners(std::vector<Socket>* list, uint32_t budget) {
  Wanted wanted(list);
  if (wanted.isEmpty()) return 0;
  int64_t end = now() + budget;
  Folder proc(AT_FDCWD, "/proc");
  if (!proc.isOpen()) return errno;
  auto look = [&](long pid) {
    size_t before = wanted.left();
    int error = lookInto(proc.descriptor(), pid, end, &wanted);
    if (wanted.left() < before) lastFound = pid;
    return error;
  };

  for (long pid : {static_cast<long>(::getpid()), lastFound.load()}) {
    if (pid < 0) continue;
    if (int error = look(pid); error != 0) return error;
  }
  // A socket's user is nearly always its process's: the others wait.
  std::vector<long> others;
  while (const char* name = wanted.isEmpty() ? nullptr : proc.next()) {
    if (now() >= end) return ETIMEDOUT;
    long pid = strtol(name, nullptr, 10);
    struct stat status;
    if (::fstatat(proc.descriptor(), name, &status, 0) != 0) continue;
    if (!wanted.isUser(status.st_uid)) {
      others.push_back(pid);
    } else if (int error = look(pid); error != 0) {
      return error;
    }
  }
  for (long pid : others) {
    if (wanted.isEmpty()) break;
    if (now() >= end) return ETIMEDOUT;
    if (int error = look(pid); error != 0) return error;
  }
  return 0;
}

}  // namespace exactbind::os
