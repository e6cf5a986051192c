// One dump of NETLINK_SOCK_DIAG (sock_diag(7)): the request, the answer up to its end, the attributes of a record.
#pragma once

#include <linux/netlink.h>

#include <cstring>

#include "../os.h"
#include "retried.h"

namespace exactbind::os {

// Calls `visit(type, value, size)` for each attribute after the record.
template <typename Record, typename Visit>
void forEachAttribute(const Record* record, size_t length, Visit visit) {
  const char* at = reinterpret_cast<const char*>(record + 1);
  size_t left = length - sizeof *record;
  nlattr attribute;
  while (left >= sizeof attribute) {
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > left) return;
    visit(attribute.nla_type, at + sizeof attribute, attribute.nla_len - sizeof attribute);
    size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= left) return;
    at += step;
    left -= step;
  }
}

// Calls `take(record, length)` for each record of one answer. The kernel's own error, or 0.
template <typename Record, typename Take>
int readDump(int netlink, Take take) {
  alignas(nlmsghdr) char buffer[32 * 1024];
  while (true) {
    ssize_t received = retried([&] { return ::recv(netlink, buffer, sizeof buffer, 0); });
    if (received < 0) return errno;
    // Signed, because NLMSG_NEXT() takes the padding of the last message off too.
    auto left = static_cast<int>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      // Whatever stopped a dump half-way, or before it began (no module for the protocol), comes with its end.
      if (header->nlmsg_type == NLMSG_DONE) {
        int error = 0;
        if (NLMSG_PAYLOAD(header, 0) >= sizeof error) memcpy(&error, NLMSG_DATA(header), sizeof error);
        return error < 0 ? -error : 0;
      }
      if (header->nlmsg_type == NLMSG_ERROR) return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
      size_t length = NLMSG_PAYLOAD(header, 0);
      if (length >= sizeof(Record)) take(static_cast<const Record*>(NLMSG_DATA(header)), length);
    }
  }
}

template <typename Record, typename Request, typename Take>
int dump(int netlink, const Request& request, Take take) {
  if (retried([&] { return ::send(netlink, &request, sizeof request, 0); }) < 0) return errno;
  return readDump<Record>(netlink, take);
}

}  // namespace exactbind::os
