// What a process and a control group are called: /proc and the cgroup2 file system.
#include <dirent.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../os.h"
#include "retried.h"

namespace exactbind::os {

namespace {

// A command line can be megabytes long, and nobody reads that.
constexpr size_t kLongestFile = 64 * 1024;

// The starter of a process chooses how many, and each becomes a string of JavaScript's.
constexpr size_t kMostArguments = 256;

int readWhole(const std::string& path, std::string* text) {
  int file = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (file < 0) return errno;
  int error = 0;
  text->clear();
  while (text->size() < kLongestFile) {
    char bytes[4096];
    ssize_t length = retried([&] { return ::read(file, bytes, sizeof bytes); });
    if (length < 0) error = errno;
    if (length <= 0) break;
    text->append(bytes, static_cast<size_t>(length));
  }
  ::close(file);
  return error;
}

std::string folderOf(int64_t pid) {
  char path[32];
  int length = snprintf(path, sizeof path, "/proc/%ld", static_cast<long>(pid));
  return {path, static_cast<size_t>(length)};
}

std::string linkTarget(const std::string& path) {
  char target[PATH_MAX];
  ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

// Systems that also use the first version of cgroups have the second one beside it.
std::string cgroupRoot() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs status;
    if (::statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return {};
}

// A control group is numbered as its folder is.
bool isFolder(const std::string& path, uint64_t inode) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && status.st_ino == inode;
}

bool cgroupOf(int64_t pid, std::string* path) {
  constexpr char kSecondVersion[] = "0::";
  std::string text;
  if (readWhole(folderOf(pid) + "/cgroup", &text) != 0) return false;
  size_t line = text.rfind(kSecondVersion);
  if (line == std::string::npos || (line != 0 && text[line - 1] != '\n')) return false;
  size_t begin = line + sizeof kSecondVersion - 1;
  *path = text.substr(begin, text.find('\n', begin) - begin);
  return true;
}

// The folders of one folder, `below` the root.
std::vector<std::string> foldersIn(const std::string& root, const std::string& below) {
  std::vector<std::string> found;
  DIR* folder = ::opendir((root + below).c_str());
  if (folder == nullptr) return found;
  // readdir() is safe on a stream that no other thread reads.
  while (const dirent* entry = ::readdir(folder)) {  // NOLINT(concurrency-mt-unsafe)
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') found.push_back(below + "/" + entry->d_name);
  }
  ::closedir(folder);
  return found;
}

bool findFolder(const std::string& root, uint64_t inode, const Limit& limit, std::string* path) {
  std::vector<std::string> left{""};
  while (!left.empty() && !limit.isOver()) {
    std::string below = std::move(left.back());
    left.pop_back();
    for (std::string& folder : foldersIn(root, below)) {
      if (isFolder(root + folder, inode)) {
        *path = std::move(folder);
        return true;
      }
      left.push_back(std::move(folder));
    }
  }
  return false;
}

// Of 1970, of a number of clock ticks since this machine was started.
int64_t timeOf(uint64_t ticks) {
  timespec epoch{};
  timespec boot{};
  ::clock_gettime(CLOCK_REALTIME, &epoch);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  auto milliseconds = [](const timespec& time) { return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000; };
  long second = ::sysconf(_SC_CLK_TCK);
  // No more exact than a tick; it moves when the system's clock is set, as the start that ps tells does.
  constexpr int64_t kTick = 10;
  return (milliseconds(epoch) - milliseconds(boot)) / kTick * kTick +
         static_cast<int64_t>(ticks) * 1000 / (second > 0 ? second : 100);
}

// "pid (name) state parent …", the start as the 22nd; the name may have anything in it.
int readStat(const std::string& folder, Process* process) {
  constexpr int kParent = 4;
  constexpr int kStart = 22;
  std::string text;
  if (int error = readWhole(folder + "/stat", &text); error != 0) return error;
  size_t begin = text.find('(');
  size_t end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return EINVAL;
  process->name = text.substr(begin + 1, end - begin - 1);
  const char* at = text.c_str() + end + 1;
  for (int field = 3; *at == ' '; field++) {
    at++;
    if (field == kParent) process->parent = strtol(at, nullptr, 10);
    if (field == kStart) {
      process->startedAt = timeOf(strtoull(at, nullptr, 10));
      break;
    }
    while (*at != ' ' && *at != '\0') at++;
  }
  return 0;
}

// The effective one. The owner of the folder would be root for a process that may not be dumped.
void readUser(const std::string& folder, Process* process) {
  constexpr char kLine[] = "\nUid:\t";
  std::string text;
  if (readWhole(folder + "/status", &text) != 0) return;
  // The name of a process cannot begin a line here: the kernel escapes newlines.
  size_t line = text.find(kLine);
  if (line == std::string::npos) return;
  // The real one first, then the effective.
  size_t effective = text.find('\t', line + sizeof kLine - 1);
  if (effective == std::string::npos) return;
  process->uid = static_cast<int64_t>(strtoul(text.c_str() + effective + 1, nullptr, 10));
}

}  // namespace

int process(int64_t pid, bool mayBlock, Process* process) {
  std::string folder = folderOf(pid);
  if (int error = readStat(folder, process); error != 0) return error;
  readUser(folder, process);
  process->executable = linkTarget(folder + "/exe");
  process->directory = linkTarget(folder + "/cwd");
  // The command line is in the process's own memory: a lock on that (mmap_lock; a FUSE mapping of any user's takes it)
  // stops the reader for as long as its owner likes. The rest is the kernel's.
  bool isOurs = process->uid == ::geteuid();
  if (!mayBlock && !isOurs) return 0;
  std::string text;
  if (int error = readWhole(folder + "/cmdline", &text); error != 0) return error;
  for (size_t begin = 0; begin < text.size() && process->arguments.size() < kMostArguments;) {
    size_t end = std::min(text.find('\0', begin), text.size());
    process->arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return 0;
}

bool cgroupPath(uint64_t cgroup, int64_t pid, const Limit& limit, std::string* path) {
  std::string root = cgroupRoot();
  if (root.empty()) return false;
  if (pid >= 0 && cgroupOf(pid, path) && isFolder(root + *path, cgroup)) return true;
  *path = "/";
  if (isFolder(root, cgroup)) return true;
  return findFolder(root, cgroup, limit, path);
}

}  // namespace exactbind::os
