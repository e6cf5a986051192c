// What JavaScript can call: numbers and text in, numbers and text out.
#pragma once

#include <napi.h>

#include "system.h"

namespace exactbind {

// Adds the functions, `status` and `constants` to the exports of one environment (the main thread's or a worker's).
Napi::Object registerCalls(Napi::Env env, Napi::Object exports);

constexpr size_t kCallWords = 4;

// Adds those that read and set single options; `call` has kCallWords that live as long as the environment.
void registerOptionCalls(Napi::Env env, Napi::Object exports, int32_t* call);

// A socket's number; a value that is none becomes a handle that nobody has.
Handle handleFrom(napi_env env, napi_value value);

// From here on the environment closes the handle when it ends, unless that is closed or released before.
void own(napi_env env, Handle handle);

// Adds what calls-inspect.cpp has.
void registerInspection(Napi::Env env, Napi::Object exports);

// Adds what calls-paths.cpp has.
void registerPaths(Napi::Env env, Napi::Object exports);

// Adds what calls-watch.cpp has.
void registerWatch(Napi::Env env, Napi::Object exports);

// Adds what calls-handover.cpp has.
void registerHandover(Napi::Env env, Napi::Object exports);

// Adds what calls-processes.cpp has.
void registerProcesses(Napi::Env env, Napi::Object exports);

// Adds what calls-notify.cpp has.
void registerNotices(Napi::Env env, Napi::Object exports);

}  // namespace exactbind
