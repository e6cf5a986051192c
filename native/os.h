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

// Opens a socket that no child process inherits and that never blocks (overlapped on Windows). `protocol` 0
// is that of the type.
int open(int family, int type, int protocol, Handle* handle);

int setOption(Handle handle, int level, int option, const void* value, size_t length);

// `length` holds the size of `value` and receives the length that the system wrote.
int getOption(Handle handle, int level, int option, void* value, size_t* length);

// How many bytes one of the units is in which getOption() counts the length of this option.
size_t lengthUnit(int level, int option);

// Sets an option whose value is a classic BPF program: its instructions, of 8 bytes each.
int attachFilter(Handle handle, int option, const void* instructions, size_t length);

// WSAIoctl(). `length` holds the size of `output` and receives the length that the system wrote.
int control(Handle handle, uint32_t code, const void* input, size_t inputLength, void* output, size_t* length);

// A TCP or UDP socket of an event loop, and whether the handle that it belongs to keeps the loop alive.
struct LoopSocket {
  Handle handle;
  bool hasReference;
};

// Writes up to `capacity` sockets of a libuv loop, and the number there are. Only where Node hides them (Windows).
int loopSockets(void* loop, LoopSocket* list, size_t capacity, size_t* count);

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
