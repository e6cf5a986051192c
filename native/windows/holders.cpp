// The table of the sockets that hold a port, read with GetExtendedTcpTable and GetExtendedUdpTable.
#include <cstdlib>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

using Read = DWORD (*)(int family, void* table, DWORD* size);

DWORD readTcp(int family, void* table, DWORD* size) {
  return GetExtendedTcpTable(table, size, FALSE, static_cast<ULONG>(family), TCP_TABLE_OWNER_PID_LISTENER, 0);
}

DWORD readUdp(int family, void* table, DWORD* size) {
  return GetExtendedUdpTable(table, size, FALSE, static_cast<ULONG>(family), UDP_TABLE_OWNER_PID, 0);
}

// The table may grow between the call that asks for its size and the call that reads it, so ask until it fits.
void* readTable(Read read, int family, DWORD* error) {
  DWORD size = 0;
  void* table = nullptr;
  while ((*error = read(family, table, &size)) == ERROR_INSUFFICIENT_BUFFER) {
    free(table);
    table = malloc(size);
    if (table == nullptr) {
      *error = WSAENOBUFS;
      break;
    }
  }
  if (*error == NO_ERROR) return table;
  free(table);
  return nullptr;
}

void setAddress(const MIB_TCPROW_OWNER_PID& row, sockaddr_storage* address) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(address);
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = row.dwLocalAddr;
}

void setAddress(const MIB_UDPROW_OWNER_PID& row, sockaddr_storage* address) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(address);
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = row.dwLocalAddr;
}

template <typename Row>
void setAddress(const Row& row, sockaddr_storage* address) {
  auto* v6 = reinterpret_cast<sockaddr_in6*>(address);
  v6->sin6_family = AF_INET6;
  memcpy(&v6->sin6_addr, row.ucLocalAddr, sizeof v6->sin6_addr);
  v6->sin6_scope_id = row.dwLocalScopeId;
}

template <typename Table>
int collect(Read read, int family, uint16_t port, Holder* list, size_t capacity, size_t* count) {
  DWORD error = NO_ERROR;
  auto* table = static_cast<Table*>(readTable(read, family, &error));
  *count = 0;
  if (table == nullptr) return static_cast<int>(error);
  for (DWORD i = 0; i < table->dwNumEntries && *count < capacity; i++) {
    const auto& row = table->table[i];
    if (ntohs(static_cast<uint16_t>(row.dwLocalPort)) != port) continue;
    Holder& holder = list[(*count)++];
    memset(&holder, 0, sizeof holder);
    setAddress(row, &holder.address);
    holder.pid = row.dwOwningPid;
  }
  free(table);
  return 0;
}

}  // namespace

int holders(int family, int type, uint16_t port, Holder* list, size_t capacity, size_t* count) {
  if (type == SOCK_STREAM) {
    return family == AF_INET6 ? collect<MIB_TCP6TABLE_OWNER_PID>(readTcp, family, port, list, capacity, count)
                              : collect<MIB_TCPTABLE_OWNER_PID>(readTcp, family, port, list, capacity, count);
  }
  return family == AF_INET6 ? collect<MIB_UDP6TABLE_OWNER_PID>(readUdp, family, port, list, capacity, count)
                            : collect<MIB_UDPTABLE_OWNER_PID>(readUdp, family, port, list, capacity, count);
}

}  // namespace exactbind::os
