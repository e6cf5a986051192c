// What a process is called: the path of its executable, or its bare name where this user may not open it.
#include <cwchar>

#include "../os.h"

#include <tlhelp32.h>

namespace exactbind::os {

namespace {

// The longest path of Windows, and its terminating zero.
constexpr DWORD kLongestPath = 32768;

std::string toUtf8(const wchar_t* text, int length) {
  int size = WideCharToMultiByte(CP_UTF8, 0, text, length, nullptr, 0, nullptr, nullptr);
  std::string bytes(static_cast<size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, length, bytes.data(), size, nullptr, nullptr);
  return bytes;
}

// FILETIME counts tenths of microseconds from 1601.
int64_t startOf(HANDLE process) {
  constexpr int64_t kTicks = 10000;
  constexpr int64_t kEpoch = 11644473600000;
  FILETIME created;
  FILETIME other;
  if (GetProcessTimes(process, &created, &other, &other, &other) == 0) return -1;
  return (int64_t{created.dwHighDateTime} << 32 | created.dwLowDateTime) / kTicks - kEpoch;
}

DWORD executableOf(DWORD pid, Process* found) {
  HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  if (process == nullptr) return GetLastError();
  std::vector<wchar_t> path(kLongestPath);
  DWORD length = kLongestPath;
  DWORD error = QueryFullProcessImageNameW(process, 0, path.data(), &length) != 0 ? NO_ERROR : GetLastError();
  found->startedAt = startOf(process);
  CloseHandle(process);
  if (error == NO_ERROR) found->executable = toUtf8(path.data(), static_cast<int>(length));
  return error;
}

// Its parent may have ended, and its number be another's.
bool lookUpEntry(DWORD pid, PROCESSENTRY32W* entry) {
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
  if (all == INVALID_HANDLE_VALUE) return false;
  entry->dwSize = sizeof *entry;
  bool found = false;
  BOOL more = Process32FirstW(all, entry);
  while (more != 0 && !found) {
    found = entry->th32ProcessID == pid;
    if (!found) more = Process32NextW(all, entry);
  }
  CloseHandle(all);
  return found;
}

}  // namespace

// The tables of sockets have told them.
int owners(std::vector<Socket>*, const Limit&, bool* isWhole) {
  // One each, where a socket may be open in several.
  *isWhole = false;
  return 0;
}

// Win32 has no call that tells the arguments or the working directory of another process.
int process(int64_t pid, bool mayBlock, Process* process) {
  auto number = static_cast<DWORD>(pid);
  DWORD error = executableOf(number, process);
  // The list of all processes takes milliseconds.
  if (error == NO_ERROR && !mayBlock) return 0;
  PROCESSENTRY32W entry;
  if (!lookUpEntry(number, &entry)) return static_cast<int>(error);
  process->name = toUtf8(entry.szExeFile, static_cast<int>(wcslen(entry.szExeFile)));
  process->parent = static_cast<int64_t>(entry.th32ParentProcessID);
  // A service's, and the kernel's ("System"), which has the ports of http.sys.
  if (error != NO_ERROR) process->arguments.push_back(process->name);
  return 0;
}

// Windows numbers no users, and has no control groups.
bool userName(int64_t, std::string*) { return false; }

bool cgroupPath(uint64_t, int64_t, const Limit&, std::string*) { return false; }

}  // namespace exactbind::os
