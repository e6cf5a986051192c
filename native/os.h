// The seam: one function per system call, declared once and implemented in the folder of each operating system.
//
// Every function returns 0 or the operating system's own error number (errno, WSAGetLastError); nothing here decides.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

// The path or abstract name that a socket is bound to, empty if there is none. ENOTSOCK of a socket of another family.
int localPath(Handle handle, std::string* name);

// What is found at a path.
struct File {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint32_t mode = 0;
  int64_t uid = -1;
};

// A symbolic link is followed only if that is asked for.
int fileAt(const std::string& path, bool follow, File* file);

// Opens the file of mode 0600 at a path, or makes it, and locks it for this caller alone. It is the file that the path
// names once it is locked. ETIMEDOUT if somebody else kept it for so many milliseconds, EEXIST if others may open what
// is there.
int lockPath(const std::string& path, uint32_t milliseconds, Handle* lock);

// Removes the file of a lock, which closing then frees.
int removeFile(const std::string& path);

// The permissions of a socket's file; never those of another kind, and never through a symbolic link.
int setFileMode(const std::string& path, uint32_t mode);

// Whether this user may make and remove files in a folder.
int mayChangeFolder(const std::string& path);

int localAddress(Handle handle, sockaddr_storage* address, socklen_t* length);

// A second descriptor of the same socket, not inherited by children either.
int duplicate(Handle handle, Handle* copy);

int close(Handle handle);

// Milliseconds of a clock that only goes forward.
int64_t now();

// Microseconds of the processor that the calling thread has taken.
int64_t processorTime();

using Run = void (*)(void* data);

// A thread beside Node's and its pool's.
struct Thread;

int startThread(Run run, void* data, Thread** thread);

// Waits for its end and frees it; false if it runs on after `milliseconds`.
bool endThread(Thread* thread, uint32_t milliseconds);

// Frees it and lets it run on.
void leaveThread(Thread* thread);

// When a search of the calling thread is over: what it took of the processor counts, not what others took.
struct Limit {
  int64_t processorEnd = INT64_MAX;  // of processorTime()
  int64_t end = INT64_MAX;           // of now(), against a system that hangs
  const std::atomic<bool>* isStopped = nullptr;

  bool isOver() const {
    return (isStopped != nullptr && *isStopped) || (end != INT64_MAX && now() >= end) ||
           (processorEnd != INT64_MAX && processorTime() >= processorEnd);
  }
};

// A socket that has a port, as the system lists it. What a system does not tell keeps its initial value.
struct Socket {
  sockaddr_storage local{};
  sockaddr_storage remote{};  // AF_UNSPEC if it is not connected
  int32_t state = 0;          // Linux's number (tcp_states.h): 1 ESTABLISHED … 10 LISTEN, 7 unconnected UDP, 13 bound
  int8_t ipv6Only = 0;        // 0 or 1; -1 if it is not told
  int8_t reuseAddress = -1;   // its SO_REUSEADDR and SO_REUSEPORT: 0 or 1
  int8_t reusePort = -1;
  int64_t uid = -1;
  std::vector<int64_t> pids;  // of the processes that have it open
  int64_t timeLeft = -1;      // ms until a TIME_WAIT ends
  uint64_t inode = 0;         // 0 once no process has it open
  uint64_t cgroup = 0;
  uint32_t device = 0;  // the index of the interface that it is bound to
};

// Among `states`: only sockets that were bound by bind() itself; elsewhere than on Linux it changes nothing.
constexpr uint32_t kBoundExplicitly = 1U << 30;

// Appends the sockets of a type (SOCK_STREAM, SOCK_DGRAM) whose local port is `port` and whose state's bit is in
// `states`: of all users, of both families.
int sockets(int type, uint16_t port, uint32_t states, std::vector<Socket>* list);

// Appends the sockets that have a name of AF_UNIX and may still be connected to: those that listen (state 10), those
// that do not yet, and datagram sockets (7). `name` is a path, or an abstract name, which begins with a zero byte;
// their local address is left out. EPERM where the system has kept others back.
int pathSockets(const std::string& name, std::vector<Socket>* list);

// Fills in the pids that the list above could not tell. `isWhole` becomes false where this user may not see all of
// them. ETIMEDOUT (WSAETIMEDOUT) if the limit came first.
int owners(std::vector<Socket>* list, const Limit& limit, bool* isWhole);

// A running process, as far as this user may look into it.
struct Process {
  std::string name;        // as the kernel calls it, often shortened
  std::string executable;  // its file, with the whole path
  std::string directory;   // its working directory
  std::vector<std::string> arguments;
  int64_t uid = -1;
  int64_t parent = -1;
  int64_t startedAt = -1;  // ms since the epoch
};

// Unless `mayBlock`, what another user could make this wait for is left out.
int process(int64_t pid, bool mayBlock, Process* process);

// A process that is kept hold of: a pidfd, a HANDLE; it stays that process's, also once it has ended. macOS has none.
int openProcess(int64_t pid, int64_t* process);

// Sends a signal, or asks with 0 whether it could be sent. On Windows it ends the process, whatever the signal.
int signalProcess(int64_t process, int signal);

int closeProcess(int64_t process);

// The name of a user in the system's own file; false if it has none there. Never asks the network.
bool userName(int64_t uid, std::string* name);

// The path of a control group below the root of its hierarchy; false if this process cannot see it, or did not find it
// within the limit. The process `pid`, if there is one (-1: none), is probably in it.
bool cgroupPath(uint64_t cgroup, int64_t pid, const Limit& limit, std::string* path);

// Called on a thread of the watch's own.
using Wake = void (*)(void* data);

// A thread that blocks until there is something to report.
struct Watch;

// Calls `wake` whenever sockets of a type and a local port from `first` to `last` have gone, of any process: at once,
// and at most once a millisecond. Nothing that goes after this returns is missed.
int watchPorts(int type, uint16_t first, uint16_t last, Wake wake, void* data, Watch** watch);

// Calls `wake` once, when the process has ended.
int watchProcess(int64_t pid, Wake wake, void* data, Watch** watch);

// Ends the thread and waits for it: `wake` is not called any more.
int stopWatch(Watch* watch);

// A Unix socket's address is a path of so many bytes, or an abstract name, which begins with a zero byte. ENAMETOOLONG
// if the system has no room for it.
int bindPath(Handle handle, const char* path, size_t length);

int connectPath(Handle handle, const char* path, size_t length);

constexpr size_t kMostHandles = 253;

// Sends bytes, at least one, and handles with them, through a Unix socket, without waiting. `length` receives how many
// bytes were sent; the handles went with the first.
int sendHandles(Handle handle, const void* bytes, size_t* length, const Handle* handles, size_t count);

// Receives what has come, without waiting: up to `length` bytes, and up to `count` handles that no child inherits.
// EMSGSIZE if not all of the handles have arrived; none is left open then.
int receiveHandles(Handle handle, void* bytes, size_t* length, Handle* handles, size_t* count);

// Locks an open file against other processes, without waiting; closing it unlocks it.
int lockFile(Handle file);

// Sends one datagram, and handles with it, to a Unix socket: a path, or an abstract name that begins with a zero byte.
// Waits while the receiver's queue is full, for a few seconds at most (EAGAIN).
int sendNotice(const char* name, size_t length, const void* bytes, size_t size, const Handle* handles, size_t count);

// Called on a thread of the inbox's own.
using Hear = void (*)(void* data, const char* text, size_t length);

// A Unix socket for datagrams, and a thread that receives them. Handles that come with them are closed.
struct Inbox;

int openInbox(const char* name, size_t length, Hear hear, void* data, Inbox** inbox);

// Ends the thread and waits for it: `hear` is not called any more.
void stopInbox(Inbox* inbox);

// Makes an inherited handle like those of open(): no child inherits it, and it never blocks.
int inherit(Handle handle);

// A name of this system's headers and its number.
struct Constant {
  const char* name;
  int64_t value;
};

extern const Constant kConstants[];
extern const size_t kConstantCount;

}  // namespace exactbind::os
