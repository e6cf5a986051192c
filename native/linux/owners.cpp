// The processes that hold sockets, found by inode among the descriptors in /proc.
#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../os.h"
#include "retried.h"

namespace exactbind::os {

namespace {

// More nobody reads.
constexpr size_t kMostProcesses = 100;

// A folder of /proc whose entries are numbers, read without what opendir(3) allocates.
class Folder {
 public:
  Folder(int parent, const char* path)
      : descriptor_(retried([&] { return ::openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); })) {
    error_ = descriptor_ < 0 ? errno : 0;
  }
  ~Folder() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Why it could not be opened, or read to its end.
  int error() const { return error_; }
  int descriptor() const { return descriptor_; }

  // The next entry whose name is a number, or null.
  const char* next() {
    while (at_ < end_ || fill()) {
      // Its layout is that of readdir(3) with 64-bit files.
      const auto* entry = reinterpret_cast<const dirent64*>(bytes_ + at_);
      at_ += entry->d_reclen;
      if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') return entry->d_name;
    }
    return nullptr;
  }

 private:
  bool fill() {
    // A folder of /proc that has left room for another entry has none.
    if (error_ != 0 || (end_ > 0 && sizeof bytes_ - end_ > sizeof(dirent64))) return false;
    long length = retried([&] { return ::syscall(SYS_getdents64, descriptor_, bytes_, sizeof bytes_); });
    // A process that has ended meanwhile.
    if (length < 0 && errno != ENOENT) error_ = errno;
    at_ = 0;
    end_ = length > 0 ? static_cast<size_t>(length) : 0;
    return end_ > 0;
  }

  int descriptor_;
  int error_;
  size_t at_ = 0;
  size_t end_ = 0;
  alignas(dirent64) char bytes_[8 * 1024];
};

// The sockets whose processes are looked for, by inode.
class Wanted {
 public:
  explicit Wanted(std::vector<Socket>* list) {
    for (Socket& socket : *list) {
      if (socket.inode != 0 && socket.pids.empty()) sockets_.push_back(&socket);
    }
    std::sort(sockets_.begin(), sockets_.end(), [](auto* a, auto* b) { return a->inode < b->inode; });
  }

  bool isEmpty() const { return sockets_.empty(); }

  bool isFound() const {
    return std::all_of(sockets_.begin(), sockets_.end(), [](auto* socket) { return !socket->pids.empty(); });
  }

  bool isUser(uint32_t uid) const {
    return std::any_of(sockets_.begin(), sockets_.end(), [uid](auto* socket) { return socket->uid == uid; });
  }

  // Whether the inode is one of them.
  bool found(uint64_t inode, long pid) {
    auto at = std::lower_bound(sockets_.begin(), sockets_.end(), inode,
                               [](auto* socket, uint64_t wanted) { return socket->inode < wanted; });
    if (at == sockets_.end() || (*at)->inode != inode) return false;
    std::vector<int64_t>& pids = (*at)->pids;
    // One process can have it open several times.
    bool isNew = std::find(pids.begin(), pids.end(), pid) == pids.end();
    if (isNew && pids.size() < kMostProcesses) pids.push_back(pid);
    return true;
  }

 private:
  std::vector<Socket*> sockets_;
};

// A second question, after a second refusal, is mostly about the same process.
std::atomic<long> lastFound{-1};

// One search through /proc.
class Search {
 public:
  Search(Wanted* wanted, const Limit& limit) : wanted_(wanted), limit_(limit), proc_(AT_FDCWD, "/proc") {}

  int run(bool* isWhole) {
    int error = proc_.error();
    if (error == 0) error = likely();
    if (error == 0) error = everybody();
    // A process that is missing then is hidden, as far as this user can tell.
    bool isCut = error == ETIMEDOUT && wanted_->isFound();
    *isWhole = error == 0 && !isAnyHidden_ && isInitialNamespace();
    return isCut ? 0 : error;
  }

 private:
  // The usual holders: this process and its relatives, and the holder that was found last.
  int likely() {
    for (long pid : {static_cast<long>(::getpid()), lastFound.load(), static_cast<long>(::getppid())}) {
      if (int error = look(pid); error != 0) return error;
    }
    return lookAll(childrenOf(::getpid()));
  }

  // Whom a socket is handed on to: the family of everybody who has it, and of those who turn out to have it too.
  int relatives() {
    for (; related_ < owners_.size(); related_++) {
      long pid = owners_[related_];
      if (int error = lookAll(childrenOf(pid)); error != 0) return error;
      long parent = parentOf(pid);
      if (int error = look(parent); error != 0) return error;
      // The children of the first process are nobody's brothers.
      if (int error = parent > 1 ? lookAll(childrenOf(parent)) : 0; error != 0) return error;
    }
    if (wanted_->isFound()) limitRest();
    return 0;
  }

  // Everybody else may have got it from somebody unrelated. An error waits no longer for them.
  void limitRest() {
    if (isRestLimited_ || limit_.processorEnd == INT64_MAX) return;
    isRestLimited_ = true;
    limit_.processorEnd = std::min(limit_.processorEnd, processorTime() + kRest);
  }

  int lookAll(const std::vector<long>& pids) {
    for (long pid : pids) {
      if (int error = look(pid); error != 0) return error;
    }
    return 0;
  }

  // Everybody else. How many processes have a socket open is recorded nowhere, so all of them are looked into.
  int everybody() {
    std::vector<long> all;
    while (const char* name = proc_.next()) all.push_back(strtol(name, nullptr, 10));
    if (proc_.error() != 0) return proc_.error();
    // Where time may run out, the socket's user's come first: nearly always it is theirs.
    std::vector<long> later;
    for (long pid : all) {
      if (all.size() > kFew && !isUsers(pid)) {
        later.push_back(pid);
      } else if (int error = lookOn(pid); error != 0) {
        return error;
      }
    }
    for (long pid : later) {
      if (int error = lookOn(pid); error != 0) return error;
    }
    return relatives();
  }

  int lookOn(long pid) {
    int error = relatives();
    return error != 0 ? error : look(pid);
  }

  bool isUsers(long pid) {
    char path[32];
    struct stat status;
    return snprintf(path, sizeof path, "%ld", pid) > 0 && ::fstatat(proc_.descriptor(), path, &status, 0) == 0 &&
           wanted_->isUser(status.st_uid);
  }

  // EMFILE or ENFILE, with which nobody can be looked into; who has ended and who cannot be looked into is passed over.
  int look(long pid) {
    if (pid <= 0 || std::find(looked_.begin(), looked_.end(), pid) != looked_.end()) return 0;
    if (limit_.isOver()) return ETIMEDOUT;
    if (looked_.size() < kRemembered) looked_.push_back(pid);
    char path[32];
    if (snprintf(path, sizeof path, "%ld/fd", pid) < 0) return errno;
    Folder descriptors(proc_.descriptor(), path);
    if (descriptors.error() != 0) return failed(descriptors.error());
    size_t count = 0;
    while (const char* name = descriptors.next()) {
      // One process can have a million.
      if (++count % kBetweenClocks == 0 && limit_.isOver()) return ETIMEDOUT;
      char target[64];
      ssize_t length = ::readlinkat(descriptors.descriptor(), name, target, sizeof target - 1);
      if (length < 0) failed(errno);
      if (length <= static_cast<ssize_t>(kPrefixLength) || memcmp(target, kPrefix, kPrefixLength) != 0) continue;
      target[length] = '\0';
      if (!wanted_->found(strtoull(target + kPrefixLength, nullptr, 10), pid)) continue;
      lastFound = pid;
      if (owners_.empty() || owners_.back() != pid) owners_.push_back(pid);
    }
    return failed(descriptors.error());
  }

  int failed(int error) {
    if (error == EMFILE || error == ENFILE) return error;
    // Gone is whoever has ended, and a descriptor that was closed. Whatever else it is, a socket may have been missed.
    if (error != 0 && error != ENOENT && error != ESRCH) isAnyHidden_ = true;
    return 0;
  }

  // The first bytes of a file of /proc, as a string.
  bool readBegin(const char* path, char* text, size_t size) {
    int file = retried([&] { return ::openat(proc_.descriptor(), path, O_RDONLY | O_CLOEXEC); });
    if (file < 0) return false;
    ssize_t length = retried([&] { return ::read(file, text, size - 1); });
    ::close(file);
    text[std::max<ssize_t>(length, 0)] = '\0';
    return length > 0;
  }

  // Of its first thread, which is Node's main one.
  std::vector<long> childrenOf(long pid) {
    char path[64];
    std::vector<long> children;
    if (snprintf(path, sizeof path, "%ld/task/%ld/children", pid, pid) < 0) return children;
    char text[4096];
    if (!readBegin(path, text, sizeof text)) return children;
    for (char* at = text; *at != '\0' && children.size() < kMostChildren;) {
      char* end = nullptr;
      long child = strtol(at, &end, 10);
      if (end == at) break;
      children.push_back(child);
      at = *end == ' ' ? end + 1 : end;
    }
    return children;
  }

  // The fourth field; the second, in brackets, may have anything in it.
  long parentOf(long pid) {
    char path[32];
    if (snprintf(path, sizeof path, "%ld/stat", pid) < 0) return 0;
    char text[512];
    if (!readBegin(path, text, sizeof text)) return 0;
    const char* end = strrchr(text, ')');
    return end != nullptr && strlen(end) > 4 ? strtol(end + 4, nullptr, 10) : 0;
  }

  // In another one there may be processes outside that have the socket too (PROC_PID_INIT_INO in linux/proc_ns.h).
  bool isInitialNamespace() {
    constexpr ino_t kInitial = 0xEFFFFFFC;
    struct stat status;
    return ::fstatat(proc_.descriptor(), "self/ns/pid", &status, 0) == 0 && status.st_ino == kInitial;
  }

  static constexpr char kPrefix[] = "socket:[";
  static constexpr size_t kPrefixLength = sizeof kPrefix - 1;
  static constexpr size_t kBetweenClocks = 64;
  static constexpr size_t kMostChildren = 256;
  static constexpr int64_t kRest = 400;
  static constexpr size_t kFew = 300;
  static constexpr size_t kRemembered = 1000;

  Wanted* wanted_;
  Limit limit_;
  Folder proc_;
  std::vector<long> looked_;
  std::vector<long> owners_;
  size_t related_ = 0;
  bool isRestLimited_ = false;
  bool isAnyHidden_ = false;
};

}  // namespace

int owners(std::vector<Socket>* list, const Limit& limit, bool* isWhole) {
  Wanted wanted(list);
  *isWhole = true;
  if (wanted.isEmpty()) return 0;
  return Search(&wanted, limit).run(isWhole);
}

}  // namespace exactbind::os
