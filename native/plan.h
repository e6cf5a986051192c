// Runs a plan: opens a socket, sets options, binds and listens back to back, exactly as lib/bind/plan.ts wrote it down.
#pragma once

#include "address.h"
#include "os.h"

namespace exactbind {

// The call that failed. lib/addon.ts gives these numbers their names.
enum Step : int32_t { kStepNone = 0, kStepSocket = 1, kStepSetOption = 2, kStepBind = 3, kStepListen = 4 };

struct Outcome {
  Handle handle = kNoHandle;  // kNoHandle unless error is 0
  int error = 0;              // 0 or the operating system's own number
  Step step = kStepNone;      // the call that failed
  int32_t attempt = 0;        // the attempt that bound the address
  int32_t level = 0;          // of the option that was refused
  int32_t option = 0;
};

// A plan is a row of 32-bit words:
//   type, rounds, backlog (-1: do not listen), conflict, settings, then `attempts` and as many attempts.
// Settings are a count and as many of: level, option, length in bytes, the bytes rounded up to whole words.
// An attempt is the settings before bind and the settings between bind and listen.
//
// Attempts follow one another on one socket while bind() fails with `conflict`. A listen() that fails with it starts
// again with a new socket, `rounds` times in all. Any other failure is final. A failure leaves nothing open.
// False if the words are not a plan; nothing has been opened then.
bool runPlan(const int32_t* words, size_t count, const Address& address, Outcome* outcome);

// Applies the settings at `words` to a socket. False if the words are not settings.
bool applySettings(const int32_t* words, size_t count, Handle handle, Outcome* outcome);

}  // namespace exactbind
