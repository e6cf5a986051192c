// One look at the sockets on a port: the list, cut to what is told of it, and the names that go with it.
#include "look.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace exactbind {

namespace {

// More become no objects of JavaScript's: nobody reads them, and the main thread would stand still meanwhile.
constexpr size_t kMostRows = 100;

constexpr int64_t kProcessorTime = 100 * 1000;
constexpr int64_t kWallTime = 1000;

constexpr int32_t kListen = 10;
constexpr int32_t kBound = 13;

// All of a socket that decides who may bind beside it. Of connections, that each has a peer of its own decides nothing.
using Kind = std::tuple<std::string, int32_t, bool, bool, bool, int8_t, int8_t, int8_t, int64_t, uint32_t>;

std::string bytesOf(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return {reinterpret_cast<const char*>(&v6), sizeof v6};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
  return {reinterpret_cast<const char*>(&v4), sizeof v4};
}

Kind kindOf(const os::Socket& socket) {
  return {bytesOf(socket.local), socket.state,      socket.remote.ss_family != AF_UNSPEC,
          socket.timeLeft >= 0,  socket.inode != 0, socket.ipv6Only,
          socket.reuseAddress,   socket.reusePort,  socket.uid,
          socket.device};
}

// Listeners first, then who is about to listen, then who has a process.
int rank(const os::Socket& socket) {
  if (socket.state == kListen) return 0;
  if (socket.state == kBound) return 1;
  return socket.inode != 0 || !socket.pids.empty() ? 2 : 3;
}

}  // namespace

void Look::run(const std::atomic<bool>* isStopped) {
  os::Limit limit;
  limit.isStopped = isStopped;
  if (names_ == kNamesInTime) {
    limit.end = os::now() + kWallTime;
    limit.processorEnd = os::processorTime() + kProcessorTime;
  }
  std::vector<os::Socket> sockets;
  error = os::sockets(type_, port_, states_, &sockets);
  fold(&sockets);
  if (error == 0 && names_ != kNoNames) lookUp(limit);
  // A list that breaks off has rows all the same.
  if (error != 0 && names_ != kNoNames && !rows.empty()) lookUp(limit);
}

// Keeps the first of each kind, and others as long as there is room.
void Look::fold(std::vector<os::Socket>* sockets) {
  std::stable_sort(sockets->begin(), sockets->end(), [](auto& one, auto& other) { return rank(one) < rank(other); });
  std::map<Kind, size_t> firsts;
  std::vector<os::Socket*> others;
  for (os::Socket& socket : *sockets) {
    auto [at, isNew] = firsts.try_emplace(kindOf(socket), rows.size());
    if (isNew && rows.size() >= kMostRows) {
      isWhole = false;
      continue;
    }
    if (isNew) {
      rows.push_back({socket, 0, -1});
    } else if (others.size() < kMostRows) {
      others.push_back(&socket);
    }
    if (at->second >= rows.size()) continue;
    Row& row = rows[at->second];
    row.count++;
    row.lastTimeLeft = std::max(row.lastTimeLeft, socket.timeLeft);
  }
  for (os::Socket* socket : others) {
    if (rows.size() >= kMostRows) break;
    rows.push_back({*socket, 0, -1});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](auto& one, auto& other) { return rank(one.socket) < rank(other.socket); });
}

void Look::lookUp(const os::Limit& limit) {
  std::vector<os::Socket> shown;
  shown.reserve(rows.size());
  for (Row& row : rows) shown.push_back(std::move(row.socket));
  ownersError = os::owners(&shown, limit, &areOwnersWhole);
  for (size_t at = 0; at < rows.size(); at++) rows[at].socket = std::move(shown[at]);
  for (const Row& row : rows) {
    for (int64_t pid : row.socket.pids) lookUpProcess(pid);
    if (row.socket.uid >= 0) lookUpUser(row.socket.uid);
    if (row.socket.cgroup != 0) lookUpCgroup(row.socket, limit);
  }
  std::vector<int64_t> parents;
  for (const auto& [pid, process] : processes) {
    lookUpUser(process.uid);
    if (process.parent > 0) parents.push_back(process.parent);
  }
  for (int64_t pid : parents) lookUpProcess(pid);
}

void Look::lookUpProcess(int64_t pid) {
  auto [at, isNew] = processes.try_emplace(pid);
  // One that has ended, or is hidden, has no name.
  if (isNew && os::process(pid, names_ == kEveryName, &at->second) != 0) at->second.arguments.clear();
}

void Look::lookUpUser(int64_t uid) {
  if (uid < 0) return;
  auto [at, isNew] = users.try_emplace(uid);
  if (isNew && !os::userName(uid, &at->second)) at->second.clear();
}

void Look::lookUpCgroup(const os::Socket& socket, const os::Limit& limit) {
  auto [at, isNew] = cgroups.try_emplace(socket.cgroup);
  if (!isNew) return;
  int64_t pid = socket.pids.empty() ? -1 : socket.pids.front();
  if (!os::cgroupPath(socket.cgroup, pid, limit, &at->second)) at->second.clear();
}

}  // namespace exactbind
