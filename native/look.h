// One look at the sockets on a port, or of a path: the list, cut to what is reported, and the names that go with it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "os.h"

namespace exactbind {

// What is looked up beside the list.
enum Names : int32_t {
  kNoNames = 0,
  // For an error: 100 ms of the processor, and a second by the clock.
  kNamesInTime = 1,
  // For a caller that waits as long as it takes.
  kEveryName = 2,
};

// A socket, and how many there are that differ from it in nothing that decides who may bind; itself included.
struct Row {
  os::Socket socket;
  uint32_t count = 0;         // 0 for one that another row has counted
  int64_t lastTimeLeft = -1;  // the longest of those that were counted
};

class Look {
 public:
  Look(int type, uint16_t port, uint32_t states, Names names)
      : type_(type), port_(port), states_(states), names_(names) {}

  // At the sockets of AF_UNIX that have a name.
  Look(std::string path, Names names) : path_(std::move(path)), names_(names) {}

  // On any thread; ends soon once `isStopped` is true.
  void run(const std::atomic<bool>* isStopped);

  int error = 0;
  int ownersError = 0;
  // Whether nobody else can have the sockets open, as far as that can be known.
  bool areOwnersWhole = true;
  // Whether every kind of socket has a row.
  bool isWhole = true;
  std::vector<Row> rows;
  std::map<int64_t, os::Process> processes;
  std::map<int64_t, std::string> users;
  std::map<uint64_t, std::string> cgroups;

 private:
  void fold(const std::vector<os::Socket>& sockets);
  void lookUp(const os::Limit& limit);
  void lookUpProcess(int64_t pid);
  void lookUpUser(int64_t uid);
  void lookUpCgroup(const os::Socket& socket, const os::Limit& limit);

  int list(std::vector<os::Socket>* sockets) const;

  int type_ = 0;
  uint16_t port_ = 0;
  uint32_t states_ = 0;
  std::string path_;  // of a look by path
  Names names_;
};

}  // namespace exactbind
