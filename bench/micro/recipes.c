// Makes the system calls of a recipe, and nothing else: the floors of bench/micro/recipes.mjs, which says what they are.
// Arguments: how many idle threads, the port, "name=call,call,…". Each line of input, "name cycles", is answered with the
// nanoseconds that so many cycles took, or with the call that failed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "floor.h"

#define MOST 48
#define SLOTS 4

// o open, s set, b bind, B bind that is refused, l listen, n getsockname, q ask the list, c close
typedef struct {
  char what;
  int slot, family, type, level, option, value;
  uint32_t states;
  struct sockaddr_storage address;
  socklen_t length;
} Call;

typedef struct {
  const char *name;
  Call calls[MOST];
  int count;
} Recipe;

static in_port_t port;

static void read_address(const char *text, Call *call) {
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&call->address;
  struct sockaddr_in *v4 = (struct sockaddr_in *)&call->address;
  if (strchr(text, ':') != NULL) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    inet_pton(AF_INET6, text, &v6->sin6_addr);
    call->length = sizeof *v6;
  } else {
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    inet_pton(AF_INET, text, &v4->sin_addr);
    call->length = sizeof *v4;
  }
}

static void read_option(char letter, Call *call) {
  static const struct {
    char letter;
    int level, option;
  } options[] = {
      {'a', SOL_SOCKET, SO_REUSEADDR}, {'p', SOL_SOCKET, SO_REUSEPORT},          {'6', IPPROTO_IPV6, IPV6_V6ONLY},
      {'f', IPPROTO_IP, IP_FREEBIND},  {'F', IPPROTO_IPV6, 78 /* IPV6_FREEBIND */},
  };
  for (size_t at = 0; at < sizeof options / sizeof options[0]; at++) {
    if (options[at].letter != letter) continue;
    call->level = options[at].level;
    call->option = options[at].option;
  }
}

// o0:6s (slot, family, stream or datagrams), s0:a1 (option, value), b0:::1, l0, n0, q2:1fff (slot, states), c0
static Call read_call(const char *text) {
  Call call;
  memset(&call, 0, sizeof call);
  call.what = text[0];
  call.slot = text[1] - '0';
  const char *rest = text[2] == ':' ? text + 3 : "";
  if (call.what == 'o') {
    call.family = rest[0] == '6' ? AF_INET6 : AF_INET;
    call.type = rest[1] == 'd' ? SOCK_DGRAM : SOCK_STREAM;
  }
  if (call.what == 's') {
    read_option(rest[0], &call);
    call.value = rest[1] - '0';
  }
  if (call.what == 'b' || call.what == 'B') read_address(rest, &call);
  if (call.what == 'q') call.states = (uint32_t)strtoul(rest, NULL, 16);
  return call;
}

typedef struct {
  struct nlmsghdr header;
  struct inet_diag_req body;
  struct nlattr attribute;
  struct inet_diag_bc_op filter[6];
} Request;

// The request of native/linux/sockets.cpp; bit 30 of the states asks for what was bound explicitly.
static void fill_request(Request *request, uint32_t states) {
  const unsigned char op = sizeof(struct inet_diag_bc_op);
  uint16_t number = ntohs(port);
  memset(request, 0, sizeof *request);
  request->header.nlmsg_len = sizeof *request;
  request->header.nlmsg_type = TCPDIAG_GETSOCK;
  request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->body.idiag_states = states & ~(1U << 30);
  request->attribute.nla_type = INET_DIAG_REQ_BYTECODE;
  request->attribute.nla_len = sizeof request->attribute + sizeof request->filter;
  request->filter[0] = (struct inet_diag_bc_op){INET_DIAG_BC_AUTO, op, 2 * op};
  request->filter[1] = (struct inet_diag_bc_op){INET_DIAG_BC_JMP, op, (states >> 30 & 1) ? 6 * op : op};
  request->filter[2] = (struct inet_diag_bc_op){INET_DIAG_BC_S_GE, 2 * op, 5 * op};
  request->filter[3].no = number;
  request->filter[4] = (struct inet_diag_bc_op){INET_DIAG_BC_S_LE, 2 * op, 3 * op};
  request->filter[5].no = number;
}

static int ask(int slot, uint32_t states) {
  (void)slot;
  static char buffer[32 * 1024] __attribute__((aligned(8)));
  Request request;
  fill_request(&request, states);
  int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0 || send(netlink, &request, sizeof request, 0) < 0) return -1;
  for (int isDone = 0; !isDone;) {
    ssize_t received = recv(netlink, buffer, sizeof buffer, 0);
    if (received < 0) return -1;
    int left = (int)received;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_ERROR) return -1;
      if (header->nlmsg_type == NLMSG_DONE) isDone = 1;
    }
  }
  return close(netlink);
}

static const char *make(const Call *call, int *slots) {
  int *fd = &slots[call->slot];
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  switch (call->what) {
    case 'o':
      *fd = socket(call->family, call->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      return *fd < 0 ? "socket" : NULL;
    case 's':
      return setsockopt(*fd, call->level, call->option, &call->value, sizeof call->value) == 0 ? NULL : "setsockopt";
    case 'b':
      return bind(*fd, (const struct sockaddr *)&call->address, call->length) == 0 ? NULL : "bind";
    case 'B':
      return bind(*fd, (const struct sockaddr *)&call->address, call->length) != 0 && errno == EADDRINUSE ? NULL : "bind";
    case 'l':
      return listen(*fd, 511) == 0 ? NULL : "listen";
    case 'n':
      return getsockname(*fd, (struct sockaddr *)&address, &length) == 0 ? NULL : "getsockname";
    case 'q':
      return ask(call->slot, call->states) == 0 ? NULL : "the list";
    case 'c':
      return close(*fd) == 0 ? NULL : "close";
  }
  return "an unknown call";
}

static const char *cycle(const Recipe *recipe) {
  int slots[SLOTS] = {-1, -1, -1, -1};
  for (int at = 0; at < recipe->count; at++) {
    const char *failed = make(&recipe->calls[at], slots);
    if (failed != NULL) return failed;
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count < 4) return 2;
  start_threads(count, arguments);
  port = htons((uint16_t)atoi(arguments[2]));
  static Recipe recipes[MOST];
  int known = 0;
  for (int at = 3; at < count && known < MOST; at++) {
    Recipe *recipe = &recipes[known++];
    recipe->name = strtok(arguments[at], "=");
    for (char *text = strtok(NULL, ","); text != NULL && recipe->count < MOST; text = strtok(NULL, ",")) {
      recipe->calls[recipe->count++] = read_call(text);
    }
  }
  char line[96];
  char name[64];
  long cycles = 0;
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%63s %ld", name, &cycles) == 2) {
    const char *failed = "an unknown recipe";
    int64_t start = 0;
    for (int at = 0; at < known; at++) {
      if (strcmp(recipes[at].name, name) != 0) continue;
      failed = NULL;
      // The first five are untimed, as in bench/harness/measure.mjs.
      for (long i = -5; i < cycles && failed == NULL; i++) {
        if (i == 0) start = now();
        failed = cycle(&recipes[at]);
      }
    }
    answer(now() - start, failed);
  }
  return 0;
}
