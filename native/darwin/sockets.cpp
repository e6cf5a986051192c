// The list of the sockets that have a port, asked of the kernel with net.inet.{tcp,udp}.pcblist_n.
#include <sys/sysctl.h>
#include <time.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "pcblist.h"

namespace exactbind::os {

namespace {

constexpr int kTries = 5;

struct Records {
  std::unique_ptr<char[]> bytes;
  size_t length = 0;
};

int readRecords(int type, Records* records) {
  const char* name = type == SOCK_STREAM ? "net.inet.tcp.pcblist_n" : "net.inet.udp.pcblist_n";
  for (int attempt = 0; attempt < kTries; ++attempt) {
    size_t length = 0;
    if (::sysctlbyname(name, nullptr, &length, nullptr, 0) != 0) return errno;
    // The kernel allows for an eighth more sockets itself.
    length += length / 4 * static_cast<size_t>(attempt);
    records->bytes.reset(new (std::nothrow) char[length]);
    if (records->bytes == nullptr) return ENOMEM;
    records->length = length;
    if (::sysctlbyname(name, records->bytes.get(), &records->length, nullptr, 0) == 0) return 0;
    if (errno != ENOMEM) return errno;
  }
  return ENOMEM;
}

template <typename Number>
bool readNumber(const char* name, Number* value) {
  size_t length = sizeof *value;
  return ::sysctlbyname(name, value, &length, nullptr, 0) == 0 && length == sizeof *value;
}

// The kernel's tcp_now. Before Darwin 21 (macOS 12) it lost the fractions of milliseconds, and cannot be reckoned.
bool tcpClock(uint32_t* now) {
  constexpr long kKeepsFractions = 21;
  char release[32] = {};
  size_t length = sizeof release - 1;
  uint32_t start;
  uint32_t startMicroseconds;
  if (::sysctlbyname("kern.osrelease", release, &length, nullptr, 0) != 0) return false;
  if (strtol(release, nullptr, 10) < kKeepsFractions) return false;
  if (!readNumber("net.inet.tcp.now_init", &start)) return false;
  if (!readNumber("net.inet.tcp.microuptime_init", &startMicroseconds)) return false;
  return reckonTcpNow(start, startMicroseconds, ::clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000, now);
}

bool isOthers(const Pcb& pcb) {
  return pcb.so.so_type != 0 && pcb.so.so_uid != ::geteuid() && pcb.so.so_last_pid != ::getpid();
}

// Since macOS 27 the kernel shows a process its own sockets only, unless it is root's, and says nothing of that
// (dotnet/runtime#133960). mDNSResponder, configd and others of other users always have UDP sockets.
bool showsEverybody() {
  Records records;
  if (::geteuid() == 0) return true;
  if (readRecords(SOCK_DGRAM, &records) != 0) return false;
  PcbReader reader(records.bytes.get(), records.length);
  Pcb pcb;
  while (reader.next(&pcb)) {
    if (isOthers(pcb)) return true;
  }
  return false;
}

}  // namespace

// EPERM if the kernel has kept the sockets of others back; what it has shown is in the list.
int sockets(int type, uint16_t port, uint32_t states, std::vector<Socket>* list) {
  Records records;
  int error = readRecords(type, &records);
  if (error != 0) return error;

  uint32_t now;
  const uint32_t* tcpNow = type == SOCK_STREAM && tcpClock(&now) ? &now : nullptr;
  bool everybody = false;
  PcbReader reader(records.bytes.get(), records.length);
  Pcb pcb;
  while (reader.next(&pcb)) {
    everybody = everybody || isOthers(pcb);
    Socket socket;
    if (pcb.inp.inp_lport != htons(port) || !readSocket(pcb, type, tcpNow, &socket)) continue;
    // One in a state that cannot be read may be in any.
    if (socket.state == 0 || (states >> socket.state & 1) != 0) list->push_back(socket);
  }
  if (reader.error() != 0) return reader.error();
  return everybody || showsEverybody() ? 0 : EPERM;
}

}  // namespace exactbind::os
