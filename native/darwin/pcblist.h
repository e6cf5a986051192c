// The records of net.inet.{tcp,udp}.pcblist_n, read from a buffer that need not be sound.
#pragma once

#include "../os.h"

namespace exactbind::os {

// XNU declares these records for itself alone (bsd/netinet/in_pcb.h, bsd/sys/socketvar.h, bsd/netinet/tcp_var.h;
// written by bsd/netinet/in_pcblist.c). What stands here is the part that xnu-6153 (macOS 10.15) to xnu-11417 (15) have
// alike. They are packed to 4 bytes there, so that a 64-bit word is two of 32 here.
struct GenerationRecord {  // xinpgen
  uint32_t xig_len;
  uint32_t xig_count;
  uint32_t xig_gen[2];
  uint32_t xig_sogen[2];
};

struct InpcbRecord {  // xinpcb_n
  uint32_t xi_len;
  uint32_t xi_kind;
  uint32_t xi_inpp[2];
  uint16_t inp_fport;
  uint16_t inp_lport;
  uint32_t inp_ppcb[2];
  uint32_t inp_gencnt[2];
  uint32_t inp_flags;
  uint32_t inp_flow;
  uint8_t inp_vflag;
  uint8_t inp_ip_ttl;
  uint8_t inp_ip_p;
  in6_addr inp_dependfaddr;  // an IPv4 address is its last four bytes
  in6_addr inp_dependladdr;
};

struct SocketRecord {  // xsocket_n
  uint32_t xso_len;
  uint32_t xso_kind;
  uint32_t xso_so[2];
  int16_t so_type;
  uint32_t so_options;
  int16_t so_linger;
  uint16_t so_state;
  uint32_t so_pcb[2];
  int32_t xso_protocol;
  int32_t xso_family;
  int16_t so_qlen;
  int16_t so_incqlen;
  int16_t so_qlimit;
  int16_t so_timeo;
  uint16_t so_error;
  int32_t so_pgid;
  uint32_t so_oobmark;
  uint32_t so_uid;
  int32_t so_last_pid;
  int32_t so_e_pid;
};

struct TcpcbRecord {  // xtcpcb_n
  uint32_t xt_len;
  uint32_t xt_kind;
  uint32_t t_segq[2];
  int32_t t_dupacks;
  uint32_t t_timer[4];
  int32_t t_state;
};

// A socket's records. Every byte is 0 in a record that is missing, or shorter than the part above.
struct Pcb {
  InpcbRecord inp;
  SocketRecord so;
  TcpcbRecord tcp;
};

class PcbReader {
 public:
  PcbReader(const void* bytes, size_t length);

  // False at the end of the list, or at the first byte that contradicts the format.
  bool next(Pcb* pcb);

  // EPROTO if it ended at a contradiction.
  int error() const { return error_; }

 private:
  // False if no sound record begins here.
  bool step(uint32_t* kind, const char** record, size_t* size);

  const char* bytes_;
  size_t left_;
  uint32_t generation_ = 0;  // the length of the record that opens the list and closes it
  bool closed_ = false;
  bool begun_ = false;
  Pcb ahead_;  // its records have been met, in part, behind those of the socket before
  int error_ = 0;
};

// False if it is no socket of IPv4 or IPv6, such as one that is being disposed of. `tcpNow` is the clock of the
// kernel's TCP timers (reckonTcpNow()), null if unknown.
bool readSocket(const Pcb& pcb, int type, const uint32_t* tcpNow, Socket* socket);

// The clock of the kernel's TCP timers, in milliseconds, from the uptime in microseconds and what the kernel says
// about its beginning: net.inet.tcp.now_init and net.inet.tcp.microuptime_init. False if it cannot be reckoned.
bool reckonTcpNow(uint32_t start, uint32_t startMicroseconds, uint64_t uptime, uint32_t* now);

}  // namespace exactbind::os
