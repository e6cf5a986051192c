// One look at the sockets on a port, or of a path: the list, cut to what is reported, and the names that go with it.
#include "look.h"

#include <algorithm>
#include <cstring>

namespace exactbind {

namespace {

// More become no objects of JavaScript's: nobody reads them, and the main thread would stand still meanwhile.
constexpr size_t kMostRows = 100;

constexpr int64_t kProcessorTime = 100 * 1000;
constexpr int64_t kWallTime = 1000;

constexpr int32_t kListen = 10;
constexpr int32_t kBound = 13;

bool isSameAddress(const sockaddr_storage& one, const sockaddr_storage& other) {
  if (one.ss_family != other.ss_family) return false;
  // Those of a look by path all have that one.
  if (one.ss_family == AF_UNIX) return true;
  if (one.ss_family == AF_INET6) {
    return memcmp(&reinterpret_cast<const sockaddr_in6&>(one).sin6_addr,
                  &reinterpret_cast<const sockaddr_in6&>(other).sin6_addr, sizeof(in6_addr)) == 0;
  }
  return reinterpret_cast<const sockaddr_in&>(one).sin_addr.s_addr ==
         reinterpret_cast<const sockaddr_in&>(other).sin_addr.s_addr;
}

// Whether two are the same in all that decides who may bind beside them. Of connections, that each has a peer of its
// own decides nothing.
bool isSameKind(const os::Socket& one, const os::Socket& other) {
  return one.state == other.state && (one.remote.ss_family == AF_UNSPEC) == (other.remote.ss_family == AF_UNSPEC) &&
         (one.timeLeft >= 0) == (other.timeLeft >= 0) && (one.inode != 0) == (other.inode != 0) &&
         one.ipv6Only == other.ipv6Only && one.reuseAddress == other.reuseAddress && one.reusePort == other.reusePort &&
         one.uid == other.uid && one.device == other.device && isSameAddress(one.local, other.local);
}

// Listeners first, then who is about to listen, then who has a process.
constexpr int kRanks = 4;

int rank(const os::Socket& socket) {
  if (socket.state == kListen) return 0;
  if (socket.state == kBound) return 1;
  return socket.inode != 0 || !socket.pids.empty() ? 2 : 3;
}

}  // namespace

int Look::list(std::vector<os::Socket>* sockets) const {
  return path_.empty() ? os::sockets(type_, port_, states_, sockets) : os::pathSockets(path_, sockets);
}

void Look::run(const std::atomic<bool>* isStopped) {
  os::Limit limit;
  limit.isStopped = isStopped;
  if (names_ == kNamesInTime) {
    limit.end = os::now() + kWallTime;
    limit.processorEnd = os::processorTime() + kProcessorTime;
  }
  std::vector<os::Socket> sockets;
  error = list(&sockets);
  fold(sockets);
  if (error == 0 && names_ != kNoNames) lookUp(limit);
  // A list that breaks off has rows all the same.
  if (error != 0 && names_ != kNoNames && !rows.empty()) lookUp(limit);
}

// Keeps the first of each kind, and others as long as there is room.
void Look::fold(const std::vector<os::Socket>& sockets) {
  std::vector<Row> firsts;
  std::vector<const os::Socket*> others;
  for (int wanted = 0; wanted < kRanks; wanted++) {
    for (const os::Socket& socket : sockets) {
      if (rank(socket) != wanted) continue;
      auto row = std::find_if(firsts.begin(), firsts.end(), [&](auto& one) { return isSameKind(one.socket, socket); });
      if (row == firsts.end()) {
        if (firsts.size() < kMostRows) {
          firsts.push_back({socket, 1, socket.timeLeft});
        } else {
          isWhole = false;
        }
        continue;
      }
      row->count++;
      row->lastTimeLeft = std::max(row->lastTimeLeft, socket.timeLeft);
      if (others.size() < kMostRows) others.push_back(&socket);
    }
  }
  size_t room = std::min(others.size(), kMostRows - firsts.size());
  for (int wanted = 0; wanted < kRanks; wanted++) {
    for (const Row& row : firsts) {
      if (rank(row.socket) == wanted) rows.push_back(row);
    }
    for (size_t at = 0; at < room; at++) {
      if (rank(*others[at]) == wanted) rows.push_back({*others[at], 0, -1});
    }
  }
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
