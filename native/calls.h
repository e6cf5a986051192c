// What JavaScript can call: numbers and text in, numbers and text out.
#pragma once

#include <napi.h>

#include "system.h"

namespace exactbind {

// Adds the functions, `status` and `constants` to the exports of one environment (the main thread's or a worker's).
Napi::Object registerCalls(Napi::Env env, Napi::Object exports);

// Adds those that read and set single options.
void registerOptionCalls(Napi::Env env, Napi::Object exports);

// A socket's number; a value that is none becomes a handle that nobody has.
Handle handleFrom(napi_env env, napi_value value);

}  // namespace exactbind
