// Numeric addresses: text to sockaddr and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "system.h"

namespace exactbind {

// An IPv6 address with the longest zone ("%" and an interface name) and the terminating zero.
constexpr size_t kAddressText = 128;

struct Address {
  sockaddr_storage storage;
  socklen_t length;
};

// Reads an IPv4 or IPv6 literal, the latter with a zone if it has one; false if it is neither.
bool parseAddress(const char* text, uint16_t port, Address* address);

// Writes the literal without a zone, as getsockname() of Node does.
bool formatAddress(const sockaddr_storage& storage, char (&text)[kAddressText]);

uint16_t portOf(const sockaddr_storage& storage);

void setPort(uint16_t port, sockaddr_storage* storage);

// The address of 4 (IPv4) or 16 (IPv6) bytes, on port 0.
void literalAddress(const void* bytes, size_t length, Address* address);

constexpr size_t kZoneText = 256;

// Writes the name of the interface with an index; false if there is none.
bool formatZone(uint32_t index, char (&text)[kZoneText]);

}  // namespace exactbind
