// System calls on a socket of Windows, and the clock.
#include "../os.h"

namespace exactbind::os {

namespace {

// The level of what is no option here, but a code of WSAIoctl().
constexpr int kControl = -1;

}  // namespace

int start() {
  WSADATA data;
  return WSAStartup(MAKEWORD(2, 2), &data);
}

int open(int family, int type, int protocol, Handle* handle) {
  // Overlapped, because libuv attaches the socket to its completion port; not inherited, because an address stays
  // bound until the last handle of it is closed.
  *handle = WSASocketW(family, type, protocol, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  return *handle != INVALID_SOCKET ? 0 : WSAGetLastError();
}

int setOption(Handle handle, int level, int option, const void* value, size_t length) {
  if (level == kControl) {
    size_t none = 0;
    return control(handle, static_cast<uint32_t>(option), value, length, nullptr, &none);
  }
  return ::setsockopt(handle, level, option, static_cast<const char*>(value), static_cast<int>(length)) == 0
             ? 0
             : WSAGetLastError();
}

int getOption(Handle handle, int level, int option, void* value, size_t* length) {
  int size = static_cast<int>(*length);
  if (::getsockopt(handle, level, option, static_cast<char*>(value), &size) != 0) return WSAGetLastError();
  *length = static_cast<size_t>(size);
  return 0;
}

size_t lengthUnit(int, int) { return 1; }

// No socket of Windows takes a classic BPF program.
int attachFilter(Handle, int, const void*, size_t) { return WSAEOPNOTSUPP; }

int control(Handle handle, uint32_t code, const void* input, size_t inputLength, void* output, size_t* length) {
  DWORD written = 0;
  int result = WSAIoctl(handle, code, const_cast<void*>(input), static_cast<DWORD>(inputLength), output,
                        static_cast<DWORD>(*length), &written, nullptr, nullptr);
  *length = written;
  return result == 0 ? 0 : WSAGetLastError();
}

int bind(Handle handle, const sockaddr* address, socklen_t length) {
  return ::bind(handle, address, length) == 0 ? 0 : WSAGetLastError();
}

int listen(Handle handle, int backlog) { return ::listen(handle, backlog) == 0 ? 0 : WSAGetLastError(); }

int localAddress(Handle handle, sockaddr_storage* address, socklen_t* length) {
  return ::getsockname(handle, reinterpret_cast<sockaddr*>(address), length) == 0 ? 0 : WSAGetLastError();
}

// Handing a SOCKET on is WSADuplicateSocketW's work, and needs the other process.
int duplicate(Handle, Handle*) { return WSAEOPNOTSUPP; }

int close(Handle handle) { return ::closesocket(handle) == 0 ? 0 : WSAGetLastError(); }

int64_t now() { return static_cast<int64_t>(GetTickCount64()); }

}  // namespace exactbind::os
