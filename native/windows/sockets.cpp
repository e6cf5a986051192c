// The list of the sockets that have a port, out of the tables of GetExtendedTcpTable and GetExtendedUdpTable.
#include <cstring>
#include <memory>
#include <new>

#include "../os.h"

namespace exactbind::os {

namespace {

constexpr int kTries = 5;

// Linux's numbers (tcp_states.h) of what MIB_TCP_STATE counts from 1, CLOSED to DELETE_TCB. A closed socket
// has a port only if it is bound.
constexpr int32_t kStates[] = {13, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6, 7};
constexpr int32_t kListen = 10;
constexpr int32_t kBound = 13;
constexpr int32_t kUnconnected = 7;

using Read = DWORD (*)(ULONG family, void* table, DWORD* size);

DWORD readTcp(ULONG family, void* table, DWORD* size) {
  return GetExtendedTcpTable(table, size, FALSE, family, TCP_TABLE_OWNER_PID_ALL, 0);
}

DWORD readUdp(ULONG family, void* table, DWORD* size) {
  return GetExtendedUdpTable(table, size, FALSE, family, UDP_TABLE_OWNER_PID, 0);
}

// The table may grow between the call that asks for its size and the call that reads it.
DWORD readTable(Read read, ULONG family, std::unique_ptr<char[]>* table) {
  DWORD size = 0;
  DWORD error = read(family, nullptr, &size);
  for (int attempt = 0; attempt < kTries && error == ERROR_INSUFFICIENT_BUFFER; attempt++) {
    size += size / 4;
    table->reset(new (std::nothrow) char[size]);
    if (*table == nullptr) return ERROR_NOT_ENOUGH_MEMORY;
    error = read(family, table->get(), &size);
  }
  // Without a byte of its own there is no table, not even an empty one.
  return error == NO_ERROR && *table == nullptr ? ERROR_INVALID_DATA : error;
}

// The lower 16 of a port's 32 bits count, in network order; the others may be anything.
void setAddress(DWORD bytes, DWORD port, sockaddr_storage* address) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(address);
  v4->sin_family = AF_INET;
  v4->sin_port = static_cast<u_short>(port);
  v4->sin_addr.s_addr = bytes;
}

void setAddress(const UCHAR (&bytes)[16], DWORD port, sockaddr_storage* address) {
  auto* v6 = reinterpret_cast<sockaddr_in6*>(address);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = static_cast<u_short>(port);
  memcpy(&v6->sin6_addr, bytes, sizeof v6->sin6_addr);
}

int32_t stateOf(DWORD state) { return state - 1 < sizeof kStates / sizeof *kStates ? kStates[state - 1] : 0; }

// What stands in place of a remote address means nothing in the row of a listener.
bool isConnected(int32_t state) { return state != kListen && state != kBound; }

Socket socketOf(const MIB_TCPROW_OWNER_PID& row) {
  Socket socket;
  setAddress(row.dwLocalAddr, row.dwLocalPort, &socket.local);
  socket.state = stateOf(row.dwState);
  if (isConnected(socket.state)) setAddress(row.dwRemoteAddr, row.dwRemotePort, &socket.remote);
  return socket;
}

Socket socketOf(const MIB_TCP6ROW_OWNER_PID& row) {
  Socket socket;
  setAddress(row.ucLocalAddr, row.dwLocalPort, &socket.local);
  socket.ipv6Only = -1;
  socket.state = stateOf(row.dwState);
  if (isConnected(socket.state)) setAddress(row.ucRemoteAddr, row.dwRemotePort, &socket.remote);
  return socket;
}

Socket socketOf(const MIB_UDPROW_OWNER_PID& row) {
  Socket socket;
  setAddress(row.dwLocalAddr, row.dwLocalPort, &socket.local);
  socket.state = kUnconnected;
  return socket;
}

Socket socketOf(const MIB_UDP6ROW_OWNER_PID& row) {
  Socket socket;
  setAddress(row.ucLocalAddr, row.dwLocalPort, &socket.local);
  socket.ipv6Only = -1;
  socket.state = kUnconnected;
  return socket;
}

template <typename Table>
int append(Read read, ULONG family, uint16_t port, uint32_t states, std::vector<Socket>* list) {
  std::unique_ptr<char[]> bytes;
  DWORD error = readTable(read, family, &bytes);
  if (error != NO_ERROR) return static_cast<int>(error);
  const auto* table = reinterpret_cast<const Table*>(bytes.get());
  for (DWORD i = 0; i < table->dwNumEntries; i++) {
    const auto& row = table->table[i];
    if (static_cast<u_short>(row.dwLocalPort) != htons(port)) continue;
    Socket socket = socketOf(row);
    // The idle process has what is nobody's, such as a TIME_WAIT.
    if (row.dwOwningPid != 0) socket.pids.push_back(row.dwOwningPid);
    // One in a state of no known number may be in any.
    if (socket.state == 0 || (states >> socket.state & 1) != 0) list->push_back(socket);
  }
  return 0;
}

}  // namespace

int sockets(int type, uint16_t port, uint32_t states, std::vector<Socket>* list) {
  if (type == SOCK_STREAM) {
    int error = append<MIB_TCPTABLE_OWNER_PID>(readTcp, AF_INET, port, states, list);
    return error != 0 ? error : append<MIB_TCP6TABLE_OWNER_PID>(readTcp, AF_INET6, port, states, list);
  }
  int error = append<MIB_UDPTABLE_OWNER_PID>(readUdp, AF_INET, port, states, list);
  return error != 0 ? error : append<MIB_UDP6TABLE_OWNER_PID>(readUdp, AF_INET6, port, states, list);
}

}  // namespace exactbind::os
