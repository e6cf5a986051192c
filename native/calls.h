// What JavaScript can call: numbers and text in, numbers and text out.
#pragma once

#include <napi.h>

namespace exactbind {

// Adds the functions, `status` and `constants` to the exports of one environment (the main thread's or a worker's).
Napi::Object registerCalls(Napi::Env env, Napi::Object exports);

// Adds what calls-inspect.cpp has.
void registerInspection(Napi::Env env, Napi::Object exports);

// Adds what calls-watch.cpp has.
void registerWatch(Napi::Env env, Napi::Object exports);

}  // namespace exactbind
