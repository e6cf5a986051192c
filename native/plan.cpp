// Runs a plan: opens a socket, sets options, binds and listens back to back, exactly as lib/bind/plan.ts wrote it down.
#include "plan.h"

#include <cstring>

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
  int32_t type, rounds, backlog, conflict, missing;
};

// One step; the words of its settings or of its address are behind it.
struct StepWords {
  int32_t op, slot, family, length;
  const int32_t* address;
};

// Reads a step, and sets its options if it is one that does and there is a `handle`.
bool readStep(Reader* reader, const Handle* handles, StepWords* step, Outcome* outcome) {
  *step = StepWords();
  step->op = reader->next();
  step->slot = reader->next();
  if (step->slot < kOurs || step->slot >= kSlots) return false;
  const Handle* handle = handles == nullptr ? nullptr : &handles[step->slot];
  if (handle != nullptr && *handle == kNoHandle) handle = nullptr;
  switch (step->op) {
    case kOpOpen:
      step->family = reader->next();
      return reader->complete() && step->slot != kOurs;
    case kOpSet:
      return readSettings(reader, handle, outcome);
    case kOpBind:
    case kOpBindOrAlone:
      step->length = reader->next();
      step->address = reader->bytes(step->length);
      return step->address != nullptr && (step->length == 0 || step->length == 4 || step->length == 16) &&
             (step->op == kOpBind || step->slot == kOurs);
    case kOpListen:
      return reader->complete() && step->slot == kOurs;
    case kOpClose:
      return reader->complete() && step->slot != kOurs;
    default:
      return false;
  }
}

bool check(Reader reader) {
  Outcome ignored;
  if (!readSettings(&reader, nullptr, &ignored)) return false;
  int32_t attempts = reader.next();
  if (attempts < 1) return false;
  for (int32_t i = 0; i < attempts; i++) {
    int32_t steps = reader.next();
    StepWords step;
    for (int32_t j = 0; j < steps; j++) {
      if (!readStep(&reader, nullptr, &step, &ignored)) return false;
    }
    if (!reader.complete()) return false;
  }
  return reader.finished();
}

// The sockets of one round, and the port that they share.
class Round {
 public:
  Round(const Header& header, const Address& asked, Handle given) : header_(header), asked_(asked), given_(given) {}

  // Runs the attempts, one after another. The words have been checked.
  void run(Reader reader, Outcome* outcome) {
    *outcome = Outcome();
    open(outcome);
    if (outcome->error == 0) readSettings(&reader, &handles_[kOurs], outcome);
    if (outcome->error == 0) runAttempts(&reader, outcome);
    if (outcome->error == 0) {
      outcome->handle = handles_[kOurs];
      outcome->guard = handles_[kGuard];
      return;
    }
    closeHelpers();
    if (handles_[kOurs] != given_ && handles_[kOurs] != kNoHandle) os::close(handles_[kOurs]);
  }

  // Whether another round can have another end.
  bool mayEndOtherwise(const Outcome& outcome) const {
    if (outcome.error != header_.conflict || (given_ != kNoHandle && bound_)) return false;
    return outcome.step == kStepListen || (outcome.step == kStepBind && portOf(asked_.storage) == 0 && helped_);
  }

 private:
  void fail(Outcome* outcome, Step step, int error) {
    outcome->error = error;
    if (error != 0) outcome->step = step;
  }

  void open(Outcome* outcome) {
    if (given_ != kNoHandle) {
      handles_[kOurs] = given_;
      return;
    }
    fail(outcome, kStepSocket, os::open(asked_.storage.ss_family, header_.type, 0, &handles_[kOurs]));
    if (outcome->error != 0) handles_[kOurs] = kNoHandle;
  }

  void runAttempts(Reader* reader, Outcome* outcome) {
    int32_t attempts = reader->next();
    for (int32_t i = 0; i < attempts; i++) {
      outcome->attempt = i;
      first_ = kNoHandle;
      int32_t steps = reader->next();
      StepWords step;
      for (int32_t j = 0; j < steps; j++) {
        // After a failure, or the end, the rest is only stepped over.
        bool runs = outcome->error == 0 && !ended_;
        readStep(reader, runs ? handles_ : nullptr, &step, outcome);
        if (runs && outcome->error == 0) take(step, outcome);
        if (runs) outcome->slot = step.slot;
      }
      if (outcome->error == 0 && !ended_) return;
      closeHelpers();
      if (outcome->error == 0) return;
      bool isConflict = outcome->error == header_.conflict && outcome->step == kStepBind && !bound_;
      if (!isConflict || i + 1 == attempts) return;
      outcome->error = 0;
      outcome->step = kStepNone;
    }
  }

  void take(const StepWords& step, Outcome* outcome) {
    Handle* handle = &handles_[step.slot];
    if (step.op == kOpOpen) {
      int error = os::open(step.family, header_.type, 0, handle);
      if (error != 0) *handle = kNoHandle;
      fail(outcome, kStepSocket, error == header_.missing ? 0 : error);
      return;
    }
    if (*handle == kNoHandle) return;
    if (step.op == kOpBind || step.op == kOpBindOrAlone) {
      bind(step, *handle, outcome);
    } else if (step.op == kOpListen) {
      ended_ = header_.backlog < 0;
      if (!ended_) fail(outcome, kStepListen, os::listen(*handle, header_.backlog));
    } else if (step.op == kOpClose) {
      if (first_ == *handle) first_ = bound_ ? handles_[kOurs] : kNoHandle;
      os::close(*handle);
      *handle = kNoHandle;
    }
  }

  void bind(const StepWords& step, Handle handle, Outcome* outcome) {
    Address address = asked_;
    if (step.length > 0) literalAddress(step.address, static_cast<size_t>(step.length), &address);
    uint16_t port = portOf(asked_.storage);
    // The system has chosen for the first; the others take the same.
    if (port == 0 && first_ != kNoHandle) {
      sockaddr_storage chosen{};
      auto length = static_cast<socklen_t>(sizeof chosen);
      fail(outcome, kStepBind, os::localAddress(first_, &chosen, &length));
      if (outcome->error != 0) return;
      port = portOf(chosen);
    }
    setPort(port, &address.storage);
    const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
    int error = os::bind(handle, name, address.length);
    if (error != 0 && step.op == kOpBindOrAlone && closeHelpers()) {
      first_ = kNoHandle;
      error = os::bind(handle, name, address.length);
    }
    fail(outcome, kStepBind, error);
    if (error != 0) return;
    if (first_ == kNoHandle) first_ = handle;
    (step.slot == kOurs ? bound_ : helped_) = true;
  }

  // Whether there were any.
  bool closeHelpers() {
    bool any = false;
    for (int32_t slot = kGuard; slot < kSlots; slot++) {
      if (handles_[slot] == kNoHandle) continue;
      os::close(handles_[slot]);
      handles_[slot] = kNoHandle;
      any = true;
    }
    return any;
  }

  const Header& header_;
  const Address& asked_;
  Handle given_;
  Handle handles_[kSlots] = {kNoHandle, kNoHandle, kNoHandle};
  Handle first_ = kNoHandle;
  bool bound_ = false;
  bool helped_ = false;
  bool ended_ = false;
};

}  // namespace

bool runPlan(const int32_t* words, size_t count, const Address& address, Handle given, Outcome* outcome) {
  Reader reader(words, count);
  Header header{reader.next(), reader.next(), reader.next(), reader.next(), reader.next()};
  if (!reader.complete() || header.rounds < 1 || !check(reader)) return false;
  for (int32_t left = header.rounds; left > 0; left--) {
    Round round(header, address, given);
    round.run(reader, outcome);
    // Two sockets that share the address can call listen() in the same instant and both lose; the one that tries again
    // wins.
    if (outcome->error == 0 || !round.mayEndOtherwise(*outcome)) break;
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
