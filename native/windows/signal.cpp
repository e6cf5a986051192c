// The end of one process and no other: its number is nobody else's as long as a handle of it is open.
#include "../os.h"

namespace exactbind::os {

namespace {

HANDLE handleOf(int64_t process) { return reinterpret_cast<HANDLE>(static_cast<intptr_t>(process)); }

// What Node exits with where a process was ended so.
constexpr UINT kExitCode = 1;

}  // namespace

int openProcess(int64_t pid, int64_t* process) {
  HANDLE handle = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (handle == nullptr) return static_cast<int>(GetLastError());
  *process = reinterpret_cast<intptr_t>(handle);
  return 0;
}

// Windows has no signals: 0 asks whether it still runs, whatever else ends it at once.
int signalProcess(int64_t process, int signal) {
  HANDLE handle = handleOf(process);
  // As OpenProcess() says of a number that no process has.
  if (WaitForSingleObject(handle, 0) == WAIT_OBJECT_0) return ERROR_INVALID_PARAMETER;
  if (signal == 0 || TerminateProcess(handle, kExitCode) != 0) return 0;
  return static_cast<int>(GetLastError());
}

int closeProcess(int64_t process) { return CloseHandle(handleOf(process)) != 0 ? 0 : static_cast<int>(GetLastError()); }

}  // namespace exactbind::os
