// Numeric addresses: text to sockaddr and back.
#include "address.h"

#include <cstdlib>
#include <cstring>

namespace exactbind {

namespace {

// A zone is an interface's name or its index. 0 if it is neither: as with libuv, bind() refuses a link-local address
// then.
uint32_t parseZone(const char* zone) {
  uint32_t index = if_nametoindex(zone);
  if (index != 0) return index;
  char* end = nullptr;
  unsigned long number = strtoul(zone, &end, 10);
  return end != zone && *end == '\0' ? static_cast<uint32_t>(number) : 0;
}

}  // namespace

bool parseAddress(const char* text, uint16_t port, Address* address) {
  memset(&address->storage, 0, sizeof address->storage);

  auto* v4 = reinterpret_cast<sockaddr_in*>(&address->storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address->length = sizeof *v4;
    return true;
  }

  char host[kAddressText];
  size_t length = strlen(text);
  if (length >= sizeof host) return false;
  memcpy(host, text, length + 1);
  char* zone = strchr(host, '%');
  if (zone != nullptr) *zone++ = '\0';

  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address->storage);
  if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1) return false;
  if (zone != nullptr) v6->sin6_scope_id = parseZone(zone);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  address->length = sizeof *v6;
  return true;
}

bool formatAddress(const sockaddr_storage& storage, char (&text)[kAddressText]) {
  const void* bytes = storage.ss_family == AF_INET6
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr)
                          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr);
  return inet_ntop(storage.ss_family, bytes, text, sizeof text) != nullptr;
}

uint16_t portOf(const sockaddr_storage& storage) {
  return storage.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port)
                                       : ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

bool formatZone(uint32_t index, char (&text)[kZoneText]) {
  return index != 0 && if_indextoname(index, text) != nullptr;
}

}  // namespace exactbind
