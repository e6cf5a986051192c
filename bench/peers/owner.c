// Finds who holds a TCP port on Linux and does nothing else: the floor of bench/peers/lookup.mjs.
// NETLINK_SOCK_DIAG tells the inode, /proc the pid. Each line of input, "port times", is answered with
// "pid nanoseconds" of that many searches, or with what failed.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "floor.h"

// include/net/tcp_states.h: those who listen, and those who are bound and do not.
#define HOLDING (1 << 10 | 1 << 13)

struct request {
  struct nlmsghdr header;
  struct inet_diag_req body;
  struct nlattr attribute;
  struct inet_diag_bc_op filter[4];
};

// The inode of the first socket on the port, 0 if there is none.
static uint32_t read_inode(int netlink) {
  _Alignas(struct nlmsghdr) char buffer[32 * 1024];
  uint32_t inode = 0;
  for (;;) {
    ssize_t left = recv(netlink, buffer, sizeof buffer, 0);
    if (left <= 0) return 0;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return inode;
      if (inode == 0) inode = ((const struct inet_diag_msg *)NLMSG_DATA(header))->idiag_inode;
    }
  }
}

// The older request names no family: the kernel walks through its tables once for both.
static uint32_t find_inode(uint16_t port) {
  int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return 0;
  const struct request request = {
      .header = {sizeof request, TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
      .body = {.idiag_states = HOLDING},
      .attribute = {sizeof request.attribute + sizeof request.filter, INET_DIAG_REQ_BYTECODE},
      .filter = {{INET_DIAG_BC_S_GE, 8, 20}, {0, 0, port}, {INET_DIAG_BC_S_LE, 8, 12}, {0, 0, port}},
  };
  uint32_t inode = send(netlink, &request, sizeof request, 0) < 0 ? 0 : read_inode(netlink);
  close(netlink);
  return inode;
}

static int has(int folder, const char *pid, const char *wanted, size_t length) {
  char path[NAME_MAX + sizeof "/fd"];
  snprintf(path, sizeof path, "%s/fd", pid);
  int descriptor = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *descriptors = descriptor < 0 ? NULL : fdopendir(descriptor);
  if (descriptors == NULL) return 0;
  int found = 0;
  for (struct dirent *entry = readdir(descriptors); entry != NULL && !found; entry = readdir(descriptors)) {
    char target[64];
    if (entry->d_name[0] == '.') continue;
    ssize_t size = readlinkat(descriptor, entry->d_name, target, sizeof target);
    found = size == (ssize_t)length && memcmp(target, wanted, length) == 0;
  }
  closedir(descriptors);
  return found;
}

static long find_pid(uint32_t inode) {
  char wanted[32];
  size_t length = (size_t)snprintf(wanted, sizeof wanted, "socket:[%u]", inode);
  DIR *proc = opendir("/proc");
  if (proc == NULL) return 0;
  long pid = 0;
  for (struct dirent *entry = readdir(proc); entry != NULL && pid == 0; entry = readdir(proc)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (has(dirfd(proc), entry->d_name, wanted, length)) pid = atol(entry->d_name);
  }
  closedir(proc);
  return pid;
}

int main(void) {
  char line[64];
  unsigned port = 0;
  long times = 0;
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%u %ld", &port, &times) == 2) {
    const char *failed = NULL;
    long pid = 0;
    int64_t start = 0;
    // The first is untimed, as in bench/peers/lookup.mjs.
    for (long i = -1; i < times && failed == NULL; i++) {
      if (i == 0) start = now();
      uint32_t inode = find_inode((uint16_t)port);
      pid = inode == 0 ? 0 : find_pid(inode);
      if (pid == 0) failed = inode == 0 ? "sock_diag" : "/proc";
    }
    int64_t took = now() - start;
    if (failed == NULL) printf("%ld ", pid);
    answer(took, failed);
  }
  return 0;
}
