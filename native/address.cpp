// Numeric addresses: text to sockaddr and back.
#include "address.h"

#include <cstring>

namespace exactbind {

namespace {

// A zone is an interface's name or its index in decimal. 0 if it is neither: as with libuv, bind() refuses a link-local
// address then.
uint32_t parseZone(const char* zone) {
  uint32_t index = if_nametoindex(zone);
  if (index != 0) return index;
  // Not strtoul(): it also takes spaces and signs, and what does not fit would become another interface.
  uint64_t number = 0;
  for (const char* at = zone; *at != '\0'; at++) {
    if (*at < '0' || *at > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(*at - '0');
    if (number > UINT32_MAX) return 0;
  }
  return static_cast<uint32_t>(number);
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

void setPort(uint16_t port, sockaddr_storage* storage) {
  if (storage->ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(storage)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(storage)->sin_port = htons(port);
  }
}

void literalAddress(const void* bytes, size_t length, Address* address) {
  memset(&address->storage, 0, sizeof address->storage);
  if (length == sizeof(in6_addr)) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address->storage);
    v6->sin6_family = AF_INET6;
    memcpy(&v6->sin6_addr, bytes, length);
    address->length = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address->storage);
    v4->sin_family = AF_INET;
    memcpy(&v4->sin_addr, bytes, sizeof v4->sin_addr);
    address->length = sizeof *v4;
  }
}

bool formatZone(uint32_t index, char (&text)[kZoneText]) {
  return index != 0 && if_indextoname(index, text) != nullptr;
}

}  // namespace exactbind
