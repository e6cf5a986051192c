// Signals for one process and no other: a pidfd stays that process's, also once its number is somebody else's.
#include <sys/syscall.h>

#include "../os.h"

namespace exactbind::os {

namespace {

// Older headers lack their names; the numbers are the same on every architecture that Node runs on.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;

}  // namespace

int openProcess(int64_t pid, int64_t* process) {
  // Close-on-exec without being asked (pidfd_open(2)).
  *process = ::syscall(kPidfdOpen, static_cast<pid_t>(pid), 0);
  return *process >= 0 ? 0 : errno;
}

int signalProcess(int64_t process, int signal) {
  return ::syscall(kPidfdSendSignal, static_cast<int>(process), signal, nullptr, 0) == 0 ? 0 : errno;
}

int closeProcess(int64_t process) { return ::close(static_cast<int>(process)) == 0 ? 0 : errno; }

}  // namespace exactbind::os
