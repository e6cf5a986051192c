// Threads of the addon's own, beside Node's, and the processor time that they have taken.
#include "../os.h"

namespace exactbind::os {

namespace {

struct Start {
  Run run;
  void* data;
};

DWORD WINAPI runThread(void* given) {
  Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  start.run(start.data);
  return 0;
}

}  // namespace

struct Thread {
  HANDLE handle;
};

int startThread(Run run, void* data, Thread** thread) {
  auto* start = new Start{run, data};
  HANDLE handle = CreateThread(nullptr, 0, runThread, start, 0, nullptr);
  if (handle == nullptr) {
    delete start;
    return static_cast<int>(GetLastError());
  }
  *thread = new Thread{handle};
  return 0;
}

bool endThread(Thread* thread, uint32_t milliseconds) {
  if (WaitForSingleObject(thread->handle, milliseconds) != WAIT_OBJECT_0) return false;
  CloseHandle(thread->handle);
  delete thread;
  return true;
}

void leaveThread(Thread* thread) {
  // Node unloads an addon with the last environment that has loaded it; the code of a thread has to stay.
  HMODULE pinned;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&leaveThread), &pinned);
  CloseHandle(thread->handle);
  delete thread;
}

int64_t processorTime() {
  FILETIME created;
  FILETIME ended;
  FILETIME kernel;
  FILETIME user;
  if (GetThreadTimes(GetCurrentThread(), &created, &ended, &kernel, &user) == 0) return 0;
  auto ticks = [](const FILETIME& time) { return int64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime; };
  return (ticks(kernel) + ticks(user)) / 10;
}

}  // namespace exactbind::os
