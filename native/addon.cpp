// The entry of the addon, run once in each environment that loads it.
#include "calls.h"

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return exactbind::registerCalls(env, exports); }

NODE_API_MODULE(exactbind, initialize)
