// The seam: one function per system call, declared once and implemented in the folder of each operating system.
//
// Every function returns 0 or the operating system's own error number (errno, WSAGetLastError); nothing here decides.
#pragma once

#include <cstddef>
#include <cstdint>

#include "system.h"

namespace exactbind::os {

// Makes sockets usable in this process (WSAStartup on Windows).
int start();

// Opens a socket that no child process inherits and that never blocks (overlapped on Windows).
int open(int family, int type, Handle* handle);

int setOption(Handle handle, int level, int option, const void* value, size_t length);

// `length` holds the size of `value` and receives the length that the system wrote.
int getOption(Handle handle, int level, int option, void* value, size_t* length);

int bind(Handle handle, const sockaddr* address, socklen_t length);

int listen(Handle handle, int backlog);

int localAddress(Handle handle, sockaddr_storage* address, socklen_t* length);

// A second descriptor of the same socket, not inherited by children either.
int duplicate(Handle handle, Handle* copy);

int close(Handle handle);

// A socket that the system's owner table lists: its address, and the process it belongs to.
struct Holder {
  sockaddr_storage address;
  uint32_t pid;
};

// Writes up to `capacity` sockets of this family and type that listen (TCP) or are bound (UDP) on `port`, and their
// number. Where the system keeps no such table for everybody: its "not supported".
int holders(int family, int type, uint16_t port, Holder* list, size_t capacity, size_t* count);

// A name of this system's headers and its number.
struct Constant {
  const char* name;
  int64_t value;
};

extern const Constant kConstants[];
extern const size_t kConstantCount;

}  // namespace exactbind::os
