// The operating system's socket headers and the type of a socket handle: the only #if that is written by hand.
#pragma once

#if defined(_WIN32)

#include <winsock2.h>
#include <ws2tcpip.h>

#include <iphlpapi.h>
#include <mstcpip.h>

namespace exactbind {
using Handle = SOCKET;
constexpr Handle kNoHandle = INVALID_SOCKET;
}  // namespace exactbind

#else

#if defined(__APPLE__)
#define __APPLE_USE_RFC_3542
// It has no such flag; whoever receives a descriptor there has to set FD_CLOEXEC.
#define MSG_CMSG_CLOEXEC 0
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace exactbind {
using Handle = int;
constexpr Handle kNoHandle = -1;
}  // namespace exactbind

#endif

#include "constants-fallback.h"
