// Walking the records of net.inet.{tcp,udp}.pcblist_n.
#include "pcblist.h"

#include <cstring>

namespace exactbind::os {

namespace {

static_assert(sizeof(GenerationRecord) == 24);
static_assert(offsetof(InpcbRecord, inp_fport) == 16);
static_assert(offsetof(InpcbRecord, inp_lport) == 18);
static_assert(offsetof(InpcbRecord, inp_flags) == 36);
static_assert(offsetof(InpcbRecord, inp_vflag) == 44);
static_assert(offsetof(InpcbRecord, inp_dependfaddr) == 48);
static_assert(offsetof(InpcbRecord, inp_dependladdr) == 64);
static_assert(sizeof(InpcbRecord) == 80);
static_assert(offsetof(SocketRecord, so_type) == 16);
static_assert(offsetof(SocketRecord, so_options) == 20);
static_assert(offsetof(SocketRecord, so_state) == 26);
static_assert(offsetof(SocketRecord, so_uid) == 64);
static_assert(offsetof(SocketRecord, so_last_pid) == 68);
static_assert(offsetof(SocketRecord, so_e_pid) == 72);
static_assert(sizeof(SocketRecord) == 76);
static_assert(offsetof(TcpcbRecord, t_timer) == 20);
static_assert(offsetof(TcpcbRecord, t_state) == 36);
static_assert(sizeof(TcpcbRecord) == 40);

constexpr uint32_t kKindSocket = 0x001;  // XSO_SOCKET, bsd/sys/socketvar.h
constexpr uint32_t kKindInpcb = 0x010;   // XSO_INPCB
constexpr uint32_t kKindTcpcb = 0x020;   // XSO_TCPCB
constexpr uint16_t kNoDescriptor = 0x1;  // SS_NOFDREF
constexpr uint8_t kIpv4 = 0x1;           // INP_IPV4, bsd/netinet/in_pcb.h
constexpr uint8_t kIpv6 = 0x2;           // INP_IPV6
constexpr uint32_t kV6Only = 0x8000;     // IN6P_IPV6_V6ONLY
constexpr size_t kTimeWaitTimer = 3;     // TCPT_2MSL_EXT, bsd/netinet/tcp_timer.h

// Linux's numbers (tcp_states.h) of what bsd/netinet/tcp_fsm.h counts from 0, CLOSED to TIME_WAIT. A closed
// socket has a port only if it is bound.
constexpr int32_t kStates[] = {13, 10, 2, 3, 1, 8, 4, 11, 9, 5, 6};
constexpr int32_t kEstablished = 1;
constexpr int32_t kTimeWait = 6;
constexpr int32_t kUnconnected = 7;

// Twice the longest segment lifetime of RFC 793; XNU's own is 15 s. More than this is a clock that has gone wrong.
constexpr int32_t kLongestTimeWait = 2 * 120 * 1000;

template <typename Record>
void read(const char* bytes, size_t size, Record* record) {
  if (size >= sizeof *record) memcpy(record, bytes, sizeof *record);
}

void setAddress(uint8_t vflag, const in6_addr& bytes, uint16_t port, sockaddr_storage* address) {
  if ((vflag & kIpv6) == 0) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(address);
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    memcpy(&v4->sin_addr, bytes.s6_addr + 12, sizeof v4->sin_addr);
    return;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(address);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = port;
  v6->sin6_addr = bytes;
  // The kernel keeps the interface inside the address (in6_recoverscope() in bsd/netinet6/in6_src.c).
  if (IN6_IS_ADDR_LINKLOCAL(&bytes)) {
    v6->sin6_scope_id = static_cast<uint32_t>(bytes.s6_addr[2] << 8 | bytes.s6_addr[3]);
    v6->sin6_addr.s6_addr[2] = v6->sin6_addr.s6_addr[3] = 0;
  }
}

int32_t stateOf(const Pcb& pcb, int type) {
  if (type != SOCK_STREAM) return pcb.inp.inp_fport != 0 ? kEstablished : kUnconnected;
  auto state = static_cast<uint32_t>(pcb.tcp.t_state);
  bool known = pcb.tcp.xt_len != 0 && state < sizeof kStates / sizeof *kStates;
  return known ? kStates[state] : 0;
}

}  // namespace

PcbReader::PcbReader(const void* bytes, size_t length) : bytes_(static_cast<const char*>(bytes)), left_(length) {
  memset(&ahead_, 0, sizeof ahead_);
  GenerationRecord generation;
  memset(&generation, 0, sizeof generation);
  read(bytes_, left_, &generation);
  generation_ = generation.xig_len;
  uint32_t kind;
  const char* record;
  size_t size;
  if (generation_ < sizeof generation || !step(&kind, &record, &size)) {
    error_ = EPROTO;
    return;
  }
  // An empty list is not closed.
  closed_ = generation.xig_count == 0 && left_ == 0;
}

bool PcbReader::step(uint32_t* kind, const char** record, size_t* size) {
  uint32_t head[2];
  if (left_ < sizeof head) return false;
  memcpy(head, bytes_, sizeof head);
  if (head[0] < sizeof head || head[0] > left_) return false;
  size_t rounded = (static_cast<size_t>(head[0]) + 7) & ~size_t{7};
  if (rounded > left_) return false;
  *record = bytes_;
  *size = head[0];
  *kind = head[1];
  bytes_ += rounded;
  left_ -= rounded;
  return true;
}

bool PcbReader::next(Pcb* pcb) {
  while (error_ == 0 && !closed_) {
    uint32_t kind;
    const char* record;
    size_t size;
    if (!step(&kind, &record, &size)) {
      error_ = EPROTO;
      return false;
    }
    // The second word of the closing record is a count, not a kind; none of the others is as short.
    if (size == generation_) {
      if (left_ != 0) error_ = EPROTO;
      closed_ = true;
    } else if (kind == kKindSocket) {
      read(record, size, &ahead_.so);
    } else if (kind == kKindTcpcb) {
      read(record, size, &ahead_.tcp);
    }
    if (!closed_ && kind != kKindInpcb) continue;

    bool complete = begun_ && error_ == 0;
    if (complete) *pcb = ahead_;
    memset(&ahead_, 0, sizeof ahead_);
    begun_ = !closed_;
    if (begun_) read(record, size, &ahead_.inp);
    if (complete) return true;
  }
  return false;
}

bool readSocket(const Pcb& pcb, int type, const uint32_t* tcpNow, Socket* socket) {
  uint8_t vflag = pcb.inp.inp_vflag;
  if ((vflag & (kIpv4 | kIpv6)) == 0) return false;

  *socket = Socket();
  setAddress(vflag, pcb.inp.inp_dependladdr, pcb.inp.inp_lport, &socket->local);
  if (pcb.inp.inp_fport != 0) setAddress(vflag, pcb.inp.inp_dependfaddr, pcb.inp.inp_fport, &socket->remote);
  socket->state = stateOf(pcb, type);
  socket->ipv6Only = (vflag & kIpv6) != 0 && (pcb.inp.inp_flags & kV6Only) != 0 ? 1 : 0;
  // A flow of a network stack outside the kernel (nstat_userland_to_xsocket_n() in bsd/net/ntstat.c) has neither.
  if (pcb.so.so_type != 0) {
    socket->uid = pcb.so.so_uid;
    socket->reuseAddress = (pcb.so.so_options & SO_REUSEADDR) != 0 ? 1 : 0;
    socket->reusePort = (pcb.so.so_options & SO_REUSEPORT) != 0 ? 1 : 0;
  }
  // Closed, or not yet accepted: no process has it open, and so_last_pid is the one that had, or its listener's.
  if (pcb.so.so_last_pid > 0 && (pcb.so.so_state & kNoDescriptor) == 0) socket->pids.push_back(pcb.so.so_last_pid);
  if (tcpNow != nullptr && socket->state == kTimeWait) {
    auto left = static_cast<int32_t>(pcb.tcp.t_timer[kTimeWaitTimer] - *tcpNow);
    if (left >= 0 && left <= kLongestTimeWait) socket->timeLeft = left;
  }
  return true;
}

// tcp_init() and calculate_tcp_clock() in bsd/netinet/tcp_subr.c: from a random start, until xnu-12377 (macOS 26),
// whose clock is the uptime itself, and whose two numbers are one.
bool reckonTcpNow(uint32_t start, uint32_t startMicroseconds, uint64_t uptime, uint32_t* now) {
  if (start == startMicroseconds) {
    *now = static_cast<uint32_t>(uptime / 1000);
    return true;
  }
  if (uptime < startMicroseconds) return false;
  *now = start + static_cast<uint32_t>((uptime - startMicroseconds) / 1000);
  return true;
}

}  // namespace exactbind::os
