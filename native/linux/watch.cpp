// Waiting for a socket or a process to go: a netlink group of NETLINK_SOCK_DIAG, a pidfd, and a thread that blocks on
// one.
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

struct Watch {
  int events = -1;
  int stop = -1;
  Wake wake = nullptr;
  void* data = nullptr;
  Thread* thread = nullptr;
  // Told beside `stop`, for a thread whose poll() fails.
  std::atomic<bool> isStopped{false};
};

namespace {

// Older headers lack its name; the number is the same on every architecture that Node runs on.
constexpr long kPidfdOpen = 434;

// A port can lose thousands of connections in a second; a waiter looks no more often than that.
constexpr int kRestMs = 1;

// Where the kernel has no memory to tell anything, whoever waits looks so often.
constexpr long kLookMs = 25;

constexpr uint32_t kPortOffset = NLMSG_HDRLEN + offsetof(inet_diag_msg, id) + offsetof(inet_diag_sockid, idiag_sport);

int closing(int descriptor, int error) {
  ::close(descriptor);
  return error;
}

// The kernel itself drops the reports on other ports, before it wakes anybody.
int keepPorts(int netlink, uint16_t first, uint16_t last) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kPortOffset),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  sock_fprog program{sizeof steps / sizeof steps[0], steps};
  return ::setsockopt(netlink, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0 : errno;
}

int join(int netlink, int type) {
  bool isTcp = type == SOCK_STREAM;
  uint32_t v4 = isTcp ? SKNLGRP_INET_TCP_DESTROY : SKNLGRP_INET_UDP_DESTROY;
  uint32_t v6 = isTcp ? SKNLGRP_INET6_TCP_DESTROY : SKNLGRP_INET6_UDP_DESTROY;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (v4 - 1) | 1U << (v6 - 1);
  return ::bind(netlink, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// Empties the queue, and returns what ended that. ENOBUFS means that it was too short for all there was, and is news.
int drain(int events) {
  char byte;
  while (::recv(events, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR) continue;
  return errno;
}

void rest() {
  timespec time{0, kLookMs * 1000000};
  ::nanosleep(&time, nullptr);
}

void run(void* self) {
  const Watch& watch = *static_cast<const Watch*>(self);
  pollfd descriptors[] = {{watch.stop, POLLIN, 0}, {watch.events, POLLIN, 0}};
  while (!watch.isStopped) {
    bool isTold = ::poll(descriptors, 2, -1) >= 0;
    if (!isTold && errno == EINTR) continue;
    if (isTold && descriptors[0].revents != 0) break;
    int ended = isTold ? drain(watch.events) : errno;
    watch.wake(watch.data);
    // A pidfd is no socket: there is nothing to read, and the process ends but once.
    if (ended == ENOTSOCK) break;
    if (ended != EAGAIN) {
      rest();
    } else if (::poll(descriptors, 1, kRestMs) > 0) {
      break;
    }
  }
}

// Takes `events` over.
int start(int events, Wake wake, void* data, Watch** watch) {
  int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) return closing(events, errno);
  auto* made = new Watch;
  made->events = events;
  made->stop = stop;
  made->wake = wake;
  made->data = data;
  int error = startThread(run, made, &made->thread);
  if (error != 0) {
    ::close(stop);
    delete made;
    return closing(events, error);
  }
  *watch = made;
  return 0;
}

}  // namespace

int watchPorts(int type, uint16_t first, uint16_t last, Wake wake, void* data, Watch** watch) {
  int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return errno;
  // The filter comes first: nothing of other ports is ever in the queue.
  int error = keepPorts(netlink, first, last);
  if (error == 0) error = join(netlink, type);
  return error == 0 ? start(netlink, wake, data, watch) : closing(netlink, error);
}

int watchProcess(int64_t pid, Wake wake, void* data, Watch** watch) {
  // Close-on-exec without being asked (pidfd_open(2)).
  auto events = static_cast<int>(::syscall(kPidfdOpen, static_cast<pid_t>(pid), 0));
  return events >= 0 ? start(events, wake, data, watch) : errno;
}

int stopWatch(Watch* watch) {
  watch->isStopped = true;
  ::eventfd_write(watch->stop, 1);
  endThread(watch->thread, UINT32_MAX);
  ::close(watch->stop);
  ::close(watch->events);
  delete watch;
  return 0;
}

}  // namespace exactbind::os
