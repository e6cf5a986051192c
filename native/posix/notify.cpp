// Notices of a service to whoever started it, and their receiver (sd_notify(3)): datagrams between Unix sockets.
#include <poll.h>
#include <sys/time.h>

#include "unix-message.h"

namespace exactbind::os {

struct Inbox {
  int socket = -1;
  int stop[2] = {-1, -1};
  Hear hear = nullptr;
  void* data = nullptr;
  Thread* thread = nullptr;
};

namespace {

// What systemd reads of one (NOTIFY_BUFFER_MAX), and a byte that tells when it was longer.
constexpr size_t kLongestNotice = 4096;

// A queue that is full empties as soon as the other process runs; one that never does must not stop this one.
constexpr timeval kPatience{5, 0};

// Blocking, unlike the sockets of the addon: a notice that is dropped stops an upgrade.
int openDatagram(int* socket) {
  *socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  if (*socket < 0) return errno;
  return ::fcntl(*socket, F_SETFD, FD_CLOEXEC) == 0 ? 0 : errno;
}

// Handles that come along are closed, which answers BARRIER=1 and keeps nothing.
void hearOne(const Inbox& inbox) {
  char bytes[kLongestNotice + 1];
  Control control{};
  iovec data{bytes, sizeof bytes};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t received = ::recvmsg(inbox.socket, &message, MSG_DONTWAIT);
  if (received < 0) return;
  // What is cut says nothing.
  bool isWhole = (message.msg_flags & MSG_TRUNC) == 0 && static_cast<size_t>(received) <= kLongestNotice;
  if (isWhole && received > 0) inbox.hear(inbox.data, bytes, static_cast<size_t>(received));
  forEachHandle(&message, [](int handle) { ::close(handle); });
}

void listenOn(void* self) {
  const Inbox& inbox = *static_cast<const Inbox*>(self);
  pollfd descriptors[] = {{inbox.stop[0], POLLIN, 0}, {inbox.socket, POLLIN, 0}};
  for (;;) {
    if (::poll(descriptors, 2, -1) < 0) continue;
    if (descriptors[0].revents != 0) return;
    hearOne(inbox);
  }
}

void closeInbox(Inbox* inbox) {
  for (int descriptor : {inbox->socket, inbox->stop[0], inbox->stop[1]}) {
    if (descriptor >= 0) ::close(descriptor);
  }
  delete inbox;
}

int prepare(Inbox* inbox, const char* name, size_t length) {
  sockaddr_un address;
  socklen_t size = 0;
  if (int error = unixAddress(name, length, &address, &size); error != 0) return error;
  if (int error = openDatagram(&inbox->socket); error != 0) return error;
  if (::bind(inbox->socket, reinterpret_cast<const sockaddr*>(&address), size) != 0) return errno;
  if (::pipe(inbox->stop) != 0) return errno;
  for (int end : inbox->stop) {
    if (::fcntl(end, F_SETFD, FD_CLOEXEC) != 0) return errno;
  }
  return startThread(listenOn, inbox, &inbox->thread);
}

}  // namespace

int sendNotice(const char* name, size_t length, const void* bytes, size_t size, const Handle* handles, size_t count) {
  if (count > kMostHandles) return EINVAL;
  sockaddr_un address;
  socklen_t addressSize = 0;
  int error = unixAddress(name, length, &address, &addressSize);
  if (error != 0) return error;
  int socket = -1;
  error = openDatagram(&socket);
  if (error == 0) error = setOption(socket, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  iovec data{const_cast<void*>(bytes), size};
  Control control{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = addressSize;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  attachHandles(&message, &control, handles, count);
  while (error == 0 && ::sendmsg(socket, &message, 0) < 0) {
    if (errno != EINTR) error = errno;
  }
  if (socket >= 0) ::close(socket);
  return error;
}

int openInbox(const char* name, size_t length, Hear hear, void* data, Inbox** inbox) {
  auto* made = new Inbox;
  made->hear = hear;
  made->data = data;
  int error = prepare(made, name, length);
  if (error == 0)
    *inbox = made;
  else
    closeInbox(made);
  return error;
}

void stopInbox(Inbox* inbox) {
  char byte = 0;
  while (::write(inbox->stop[1], &byte, 1) < 0 && errno == EINTR) continue;
  endThread(inbox->thread, UINT32_MAX);
  closeInbox(inbox);
}

int inherit(Handle handle) {
  int flags = ::fcntl(handle, F_GETFL);
  if (flags < 0 || ::fcntl(handle, F_SETFD, FD_CLOEXEC) != 0) return errno;
  return ::fcntl(handle, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : errno;
}

}  // namespace exactbind::os
