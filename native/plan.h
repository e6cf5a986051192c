// Runs a plan: opens sockets, sets options, binds and listens back to back, exactly as lib/bind/plan.ts wrote it down.
#pragma once

#include "address.h"
#include "os.h"

namespace exactbind {

// The call that failed. lib/addon.ts gives these numbers their names.
enum Step : int32_t { kStepNone = 0, kStepSocket = 1, kStepSetOption = 2, kStepBind = 3, kStepListen = 4 };

struct Outcome {
  Handle handle = kNoHandle;  // kNoHandle unless error is 0
  Handle guard = kNoHandle;   // a second socket that the plan has left open
  int error = 0;              // 0 or the operating system's own number
  Step step = kStepNone;      // the call that failed
  int32_t slot = 0;           // the socket that it failed on
  int32_t attempt = 0;        // the attempt that bound the address
  int32_t level = 0;          // of the option that was refused
  int32_t option = 0;
};

// What a step does, and to which socket: the one that is asked for, or one that is only there to help it.
enum Op : int32_t { kOpOpen = 1, kOpSet = 2, kOpBind = 3, kOpListen = 4, kOpClose = 5, kOpBindOrAlone = 6 };
enum Slot : int32_t { kOurs = 0, kGuard = 1, kThird = 2 };
constexpr int32_t kSlots = 3;

// A plan is a row of 32-bit words:
//   type, rounds, backlog (-1: end before listen), conflict, missing, settings of ours, then `attempts` and as many
//   attempts.
// Settings are a count and as many of: level, option, length in bytes, the bytes rounded up to whole words.
// An attempt is a count and as many steps: op, slot, and what the op takes:
//   open: family · set: settings · bind: length in bytes, an address of that length (0: the one that is asked for)
//   listen, close: nothing · bind or alone: as bind, of ours
//
// Attempts follow one another on one socket of ours while a bind fails with `conflict`. A listen() that fails with it
// starts again with a new socket, `rounds` times in all; where the system was to choose the port, so does a bind. A
// guard whose open fails with `missing` is left out, and so are its steps. Any other failure is final. A failure
// leaves nothing open, but for a socket that was given. Where a bind "or alone" is refused beside helpers, they are
// closed, and it is tried once more on the same port.
// False if the words are not a plan; nothing has been opened then.
bool runPlan(const int32_t* words, size_t count, const Address& address, Handle given, Outcome* outcome);

// Applies the settings at `words` to a socket. False if the words are not settings.
bool applySettings(const int32_t* words, size_t count, Handle handle, Outcome* outcome);

}  // namespace exactbind
