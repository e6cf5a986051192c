// The list of the sockets that have a port, asked of the kernel with NETLINK_SOCK_DIAG (sock_diag(7)).
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include <cstring>

#include "diag.h"

namespace exactbind::os {

namespace {

constexpr uint8_t kTimerTimeWait = 3;

// linux/inet_diag.h of older headers lacks it.
constexpr uint16_t kAttributeCgroup = 21;

template <typename Body>
struct Request {
  nlmsghdr header;
  Body body;
  nlattr attribute;
  inet_diag_bc_op filter[6];
};

// The kernel itself passes over what has another local port (port <= source <= port) and, if only what was bound
// `explicitly` is asked for, over what has its port from a listener or from connect() (SOCK_BINDPORT_LOCK).
template <typename Body>
Request<Body> requestFor(uint16_t type, const Body& body, uint16_t port, bool explicitly) {
  Request<Body> request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body = body;
  request.attribute.nla_type = INET_DIAG_REQ_BYTECODE;
  constexpr unsigned char kOp = sizeof(inet_diag_bc_op);
  // `yes` and `no` are offsets from the operation: to the next one, or 4 past the end, which refuses the socket. The
  // kernel insists that `yes` alone leads to the end, hence the jump.
  request.filter[0] = {INET_DIAG_BC_AUTO, kOp, 2 * kOp};
  request.filter[1] = {INET_DIAG_BC_JMP, kOp, static_cast<uint16_t>(explicitly ? 6 * kOp : kOp)};
  request.filter[2] = {INET_DIAG_BC_S_GE, 2 * kOp, 5 * kOp};
  request.filter[3].no = port;
  request.filter[4] = {INET_DIAG_BC_S_LE, 2 * kOp, 3 * kOp};
  request.filter[5].no = port;
  request.attribute.nla_len = sizeof request.attribute + sizeof request.filter;
  return request;
}

void setAddress(uint8_t family, const __be32* bytes, __be16 port, sockaddr_storage* address) {
  if (family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(address);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    memcpy(&v6->sin6_addr, bytes, sizeof v6->sin6_addr);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(address);
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    memcpy(&v4->sin_addr, bytes, sizeof v4->sin_addr);
  }
}

void append(const inet_diag_msg* message, size_t length, std::vector<Socket>* list) {
  Socket socket;
  setAddress(message->idiag_family, message->id.idiag_src, message->id.idiag_sport, &socket.local);
  if (message->id.idiag_dport != 0) {
    setAddress(message->idiag_family, message->id.idiag_dst, message->id.idiag_dport, &socket.remote);
  }
  socket.state = message->idiag_state;
  socket.uid = message->idiag_uid;
  socket.device = message->id.idiag_if;
  socket.inode = message->idiag_inode;
  if (message->idiag_timer == kTimerTimeWait) socket.timeLeft = message->idiag_expires;
  // Only the rows of listeners and bound sockets hold it.
  if (message->idiag_family == AF_INET6) socket.ipv6Only = -1;
  forEachAttribute(message, length, [&](int type, const char* value, size_t size) {
    if (type == INET_DIAG_SKV6ONLY && size >= 1) socket.ipv6Only = *value != 0 ? 1 : 0;
    if (type == kAttributeCgroup && size >= sizeof socket.cgroup) memcpy(&socket.cgroup, value, sizeof socket.cgroup);
  });
  list->push_back(socket);
}

template <typename Body>
int ask(int netlink, const Request<Body>& request, std::vector<Socket>* list) {
  return dump<inet_diag_msg>(netlink, request,
                             [&](const inet_diag_msg* message, size_t length) { append(message, length, list); });
}

}  // namespace

int sockets(int type, uint16_t port, uint32_t states, std::vector<Socket>* list) {
  bool explicitly = (states & kBoundExplicitly) != 0;
  states &= ~kBoundExplicitly;
  int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return errno;
  int error = 0;
  if (type == SOCK_STREAM) {
    // The older request names no family: one walk through the kernel's tables, which is what a dump costs, serves both.
    inet_diag_req body = {};
    body.idiag_states = states;
    error = ask(netlink, requestFor(TCPDIAG_GETSOCK, body, port, explicitly), list);
  } else {
    for (uint8_t family : {AF_INET, AF_INET6}) {
      inet_diag_req_v2 body = {};
      body.sdiag_family = family;
      body.sdiag_protocol = IPPROTO_UDP;
      body.idiag_states = states;
      error = ask(netlink, requestFor(SOCK_DIAG_BY_FAMILY, body, port, explicitly), list);
      // A kernel without IPv6 has no handler for it.
      if (error == ENOENT && family == AF_INET6) error = 0;
      if (error != 0) break;
    }
  }
  ::close(netlink);
  return error;
}

}  // namespace exactbind::os
