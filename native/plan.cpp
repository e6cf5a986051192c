// Runs a plan: opens a socket, sets options, binds and listens back to back, exactly as lib/bind/plan.ts wrote it down.
#include "plan.h"

namespace exactbind {

namespace {

// Reads words one after another and remembers whether all of them were there.
class Reader {
 public:
  Reader(const int32_t* words, size_t count) : at_(words), end_(words + count) {}

  int32_t next() {
    if (at_ == end_) {
      complete_ = false;
      return 0;
    }
    return *at_++;
  }

  const int32_t* bytes(int32_t length) {
    size_t words = length < 0 ? SIZE_MAX : (static_cast<size_t>(length) + 3) / 4;
    if (words > static_cast<size_t>(end_ - at_)) {
      complete_ = false;
      return nullptr;
    }
    const int32_t* start = at_;
    at_ += words;
    return start;
  }

  bool complete() const { return complete_; }
  bool finished() const { return complete_ && at_ == end_; }

 private:
  const int32_t* at_;
  const int32_t* end_;
  bool complete_ = true;
};

// Sets the options of one list in order, until one is refused; without a `handle` it only steps over them.
bool readSettings(Reader* reader, const Handle* handle, Outcome* outcome) {
  for (int32_t left = reader->next(); left > 0 && reader->complete(); left--) {
    int32_t level = reader->next();
    int32_t option = reader->next();
    int32_t length = reader->next();
    const int32_t* value = reader->bytes(length);
    if (value == nullptr) return false;
    if (handle == nullptr || outcome->error != 0) continue;
    int error = os::setOption(*handle, level, option, value, static_cast<size_t>(length));
    if (error == 0) continue;
    outcome->error = error;
    outcome->step = kStepSetOption;
    outcome->level = level;
    outcome->option = option;
  }
  return reader->complete();
}

struct Header {
  int32_t type, rounds, backlog, conflict;
};

bool check(Reader reader) {
  Outcome ignored;
  if (!readSettings(&reader, nullptr, &ignored)) return false;
  int32_t attempts = reader.next();
  if (attempts < 1) return false;
  for (int32_t i = 0; i < attempts; i++) {
    if (!readSettings(&reader, nullptr, &ignored) || !readSettings(&reader, nullptr, &ignored)) return false;
  }
  return reader.finished();
}

// One socket, and on it one attempt after another. The words have been checked.
void runRound(Reader reader, const Header& header, const Address& address, Outcome* outcome) {
  *outcome = Outcome();
  Handle handle = kNoHandle;
  outcome->error = os::open(address.storage.ss_family, header.type, 0, &handle);
  if (outcome->error != 0) {
    outcome->step = kStepSocket;
    return;
  }

  readSettings(&reader, &handle, outcome);
  int32_t attempts = reader.next();
  for (int32_t i = 0; i < attempts && outcome->error == 0; i++) {
    outcome->attempt = i;
    readSettings(&reader, &handle, outcome);
    if (outcome->error != 0) break;
    outcome->error = os::bind(handle, reinterpret_cast<const sockaddr*>(&address.storage), address.length);
    if (outcome->error == header.conflict && i + 1 < attempts) {
      outcome->error = 0;
      readSettings(&reader, nullptr, outcome);
      continue;
    }
    if (outcome->error != 0) {
      outcome->step = kStepBind;
      break;
    }
    readSettings(&reader, &handle, outcome);
    if (outcome->error != 0 || header.backlog < 0) break;
    outcome->error = os::listen(handle, header.backlog);
    if (outcome->error != 0) outcome->step = kStepListen;
    break;
  }

  if (outcome->error == 0) {
    outcome->handle = handle;
  } else {
    os::close(handle);
  }
}

}  // namespace

bool runPlan(const int32_t* words, size_t count, const Address& address, Outcome* outcome) {
  Reader reader(words, count);
  Header header{reader.next(), reader.next(), reader.next(), reader.next()};
  if (!reader.complete() || header.rounds < 1 || !check(reader)) return false;
  for (int32_t round = 0; round < header.rounds; round++) {
    runRound(reader, header, address, outcome);
    // Two sockets that share the address can call listen() in the same instant and both lose; whoever comes again wins.
    if (outcome->step != kStepListen || outcome->error != header.conflict) break;
  }
  return true;
}

bool applySettings(const int32_t* words, size_t count, Handle handle, Outcome* outcome) {
  Outcome ignored;
  Reader reader(words, count);
  Reader dry = reader;
  if (!readSettings(&dry, nullptr, &ignored) || !dry.finished()) return false;
  return readSettings(&reader, &handle, outcome);
}

}  // namespace exactbind
