// What a process is called: libproc, and the arguments on its stack.
#include <libproc.h>
#include <sys/sysctl.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "../os.h"

namespace exactbind::os {

namespace {

// They can be a megabyte, and nobody reads that.
constexpr size_t kLongestArguments = 64 * 1024;

// KERN_PROCARGS2: how many arguments, the path of the executable, zeros, the arguments, the environment; each ends with
// a zero (sysctl_procargsx() in XNU's bsd/kern/kern_sysctl.c), and so does `end`.
void readArguments(const char* at, const char* end, std::vector<std::string>* arguments) {
  int count = 0;
  if (end - at < static_cast<ptrdiff_t>(sizeof count)) return;
  memcpy(&count, at, sizeof count);
  at += sizeof count;
  at += strlen(at);
  while (at < end && *at == '\0') at++;
  for (; at < end && count > 0; count--) {
    // A process that has written a long title over its arguments has fewer left than it began with. What follows is
    // its environment with all its secrets, so whatever may be a variable ends the list.
    if (*at != '-' && strchr(at, '=') != nullptr) return;
    arguments->emplace_back(at);
    at += arguments->back().size() + 1;
  }
}

void lookUpArguments(pid_t pid, std::vector<std::string>* arguments) {
  int name[] = {CTL_KERN, KERN_PROCARGS2, pid};
  // Into a shorter buffer the kernel copies the end, the environment.
  size_t length = ARG_MAX;
  std::unique_ptr<char[]> bytes(new (std::nothrow) char[length + 1]);
  if (bytes == nullptr || ::sysctl(name, 3, bytes.get(), &length, nullptr, 0) != 0) return;
  length = std::min(length, kLongestArguments);
  bytes[length] = '\0';
  readArguments(bytes.get(), bytes.get() + length, arguments);
}

}  // namespace

// The list of sockets has told them.
int owners(std::vector<Socket>*, const Limit&, bool*) { return 0; }

int process(int64_t pid, bool, Process* process) {
  auto number = static_cast<pid_t>(pid);
  // The long form is kept from other users; the short one knows no time.
  proc_bsdinfo whole;
  proc_bsdshortinfo part;
  if (::proc_pidinfo(number, PROC_PIDTBSDINFO, 0, &whole, sizeof whole) == sizeof whole) {
    process->name = whole.pbi_comm;
    process->uid = whole.pbi_uid;
    process->parent = whole.pbi_ppid;
    process->startedAt = static_cast<int64_t>(whole.pbi_start_tvsec * 1000 + whole.pbi_start_tvusec / 1000);
  } else if (::proc_pidinfo(number, PROC_PIDT_SHORTBSDINFO, 0, &part, sizeof part) == sizeof part) {
    process->name = part.pbsi_comm;
    process->uid = part.pbsi_uid;
    process->parent = part.pbsi_ppid;
  }
  char path[PROC_PIDPATHINFO_MAXSIZE];
  int length = ::proc_pidpath(number, path, sizeof path);
  // Without a path is also one whose file was replaced.
  if (length <= 0 && errno == ESRCH) return errno;
  if (length > 0) process->executable.assign(path, static_cast<size_t>(length));
  lookUpArguments(number, &process->arguments);
  proc_vnodepathinfo folders;
  if (::proc_pidinfo(number, PROC_PIDVNODEPATHINFO, 0, &folders, sizeof folders) == sizeof folders) {
    process->directory = folders.pvi_cdir.vip_path;
  }
  return 0;
}

bool cgroupPath(uint64_t, int64_t, const Limit&, std::string*) { return false; }

}  // namespace exactbind::os
