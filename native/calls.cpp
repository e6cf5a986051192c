// What JavaScript can call: numbers and text in, numbers and text out.
#include "calls.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "plan.h"
#include "values.h"

namespace exactbind {

namespace {

constexpr size_t kStatusWords = 7;

// One environment: the sockets it opened and nobody has taken over, and the words that describe a failure.
class Environment {
 public:
  Environment(Napi::Env env, Napi::Object exports) {
    auto words = Napi::Int32Array::New(env, kStatusWords);
    status_ = words.Data();
    // The reference keeps the memory behind `status_` alive as long as the environment.
    words_ = Napi::Persistent(words.As<Napi::Object>());
    exports.Set("status", words);
    auto call = Napi::Int32Array::New(env, kCallWords);
    call_ = Napi::Persistent(call.As<Napi::Object>());
    exports.Set("call", call);
    registerOptionCalls(env, exports, call.Data());
  }

  // An environment that ends closes what it still owns: nothing of a finished worker stays bound.
  ~Environment() {
    for (Handle handle : owned_) os::close(handle);
  }

  void own(Handle handle) { owned_.push_back(handle); }

  // False if the socket is not (or no longer) ours. The youngest sockets are the likeliest to go, so it looks from
  // there.
  bool disown(Handle handle) {
    auto found = std::find(owned_.rbegin(), owned_.rend(), handle);
    if (found == owned_.rend()) return false;
    *found = owned_.back();
    owned_.pop_back();
    return true;
  }

  void tell(const Outcome& outcome) {
    status_[0] = outcome.error;
    status_[1] = outcome.step;
    status_[2] = outcome.attempt;
    status_[3] = outcome.level;
    status_[4] = outcome.option;
    status_[6] = outcome.slot;
    status_[5] = outcome.guard == kNoHandle ? -1 : static_cast<int32_t>(outcome.guard);
  }

 private:
  std::vector<Handle> owned_;
  int32_t* status_;
  Napi::ObjectReference words_;
  Napi::ObjectReference call_;
};

Environment& environmentOf(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Environment>(); }

Napi::Value throwBadCall(const Napi::CallbackInfo& info, const char* message) {
  Napi::TypeError::New(info.Env(), message).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}

Handle handleAt(const Napi::CallbackInfo& info, size_t index) { return handleFrom(info.Env(), info[index]); }

Napi::Number handleValue(const Napi::CallbackInfo& info, Handle handle) {
  return Napi::Number::New(info.Env(), static_cast<double>(static_cast<int64_t>(handle)));
}

struct Words {
  const int32_t* data = nullptr;
  size_t count = 0;
};

bool wordsAt(const Napi::CallbackInfo& info, size_t index, Words* words) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(info.Env(), info[index], &type, &words->count, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array) {
    return false;
  }
  words->data = static_cast<const int32_t*>(data);
  return true;
}

bool addressAt(const Napi::CallbackInfo& info, size_t host, size_t port, Address* address) {
  char text[kAddressText];
  size_t length = 0;
  if (napi_get_value_string_utf8(info.Env(), info[host], text, sizeof text, &length) != napi_ok) return false;
  if (strlen(text) != length) return false;
  return parseAddress(text, static_cast<uint16_t>(int32At(info, port)), address);
}

// open(plan: Int32Array, host: string, port: number, given?: handle): handle, or -1 and `status` says why. A socket
// that is given is bound in place of a new one, and stays its owner's.
Napi::Value open(const Napi::CallbackInfo& info) {
  Words plan;
  Address address;
  Outcome outcome;
  if (!wordsAt(info, 0, &plan)) return throwBadCall(info, "plan");
  if (!addressAt(info, 1, 2, &address)) return throwBadCall(info, "address");
  Handle given = info.Length() > 3 ? handleAt(info, 3) : kNoHandle;
  if (!runPlan(plan.data, plan.count, address, given, &outcome)) return throwBadCall(info, "plan");
  Environment& environment = environmentOf(info);
  environment.tell(outcome);
  if (outcome.error != 0) return Napi::Number::New(info.Env(), -1);
  if (given == kNoHandle) environment.own(outcome.handle);
  if (outcome.guard != kNoHandle) environment.own(outcome.guard);
  return handleValue(info, outcome.handle);
}

// socket(family, type, protocol): handle of an unbound socket, or -1 and `status` says why
Napi::Value socket(const Napi::CallbackInfo& info) {
  Outcome outcome;
  outcome.error = os::open(int32At(info, 0), int32At(info, 1), int32At(info, 2), &outcome.handle);
  outcome.step = outcome.error == 0 ? kStepNone : kStepSocket;
  Environment& environment = environmentOf(info);
  environment.tell(outcome);
  if (outcome.error != 0) return Napi::Number::New(info.Env(), -1);
  environment.own(outcome.handle);
  return handleValue(info, outcome.handle);
}

// Sets the options at argument 1, if nothing has failed before. False if they are not settings.
bool configure(const Napi::CallbackInfo& info, Outcome* outcome) {
  Words settings;
  return wordsAt(info, 1, &settings) &&
         (outcome->error != 0 || applySettings(settings.data, settings.count, handleAt(info, 0), outcome));
}

Napi::Value told(const Napi::CallbackInfo& info, const Outcome& outcome) {
  environmentOf(info).tell(outcome);
  return Napi::Number::New(info.Env(), outcome.error);
}

void fail(Outcome* outcome, Step step, int error) {
  outcome->error = error;
  outcome->step = error == 0 ? kStepNone : step;
}

// set(handle, settings: Int32Array): error
Napi::Value set(const Napi::CallbackInfo& info) {
  Outcome outcome;
  if (!configure(info, &outcome)) return throwBadCall(info, "settings");
  return told(info, outcome);
}

// bind(handle, settings: Int32Array, host, port): error. The settings come first.
Napi::Value bind(const Napi::CallbackInfo& info) {
  Address address;
  Outcome outcome;
  if (!addressAt(info, 2, 3, &address)) return throwBadCall(info, "address");
  if (!configure(info, &outcome)) return throwBadCall(info, "settings");
  if (outcome.error == 0) {
    const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
    fail(&outcome, kStepBind, os::bind(handleAt(info, 0), name, address.length));
  }
  return told(info, outcome);
}

// listen(handle, settings: Int32Array, backlog): error. The settings come last.
Napi::Value listen(const Napi::CallbackInfo& info) {
  Outcome outcome;
  fail(&outcome, kStepListen, os::listen(handleAt(info, 0), int32At(info, 2)));
  if (!configure(info, &outcome)) return throwBadCall(info, "settings");
  return told(info, outcome);
}

// localAddress(handle): { address, family: 4 | 6, port }, or an error
Napi::Value localAddress(const Napi::CallbackInfo& info) {
  sockaddr_storage storage;
  auto length = static_cast<socklen_t>(sizeof storage);
  int error = os::localAddress(handleAt(info, 0), &storage, &length);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return info.Env().Null();
  auto result = Napi::Object::New(info.Env());
  put(result, "address", addressValue(info.Env(), storage));
  put(result, "family", familyValue(info.Env(), storage));
  put(result, "port", Napi::Number::New(info.Env(), portOf(storage)));
  return result;
}

// localPort(handle): the port, 0 if the socket is not bound; or the error, negative
Napi::Value localPort(const Napi::CallbackInfo& info) {
  sockaddr_storage storage{};
  auto length = static_cast<socklen_t>(sizeof storage);
  int error = os::localAddress(handleAt(info, 0), &storage, &length);
  bool isAddress = storage.ss_family == AF_INET || storage.ss_family == AF_INET6;
  return Napi::Number::New(info.Env(), error != 0 ? -error : isAddress ? portOf(storage) : 0);
}

// numberIn(handle, level, option, offset): the 32-bit number there in the option's value; 0 if there is none
Napi::Value numberIn(const Napi::CallbackInfo& info) {
  char value[256] = {};
  size_t length = sizeof value;
  uint32_t number = 0;
  auto offset = static_cast<uint32_t>(int32At(info, 3));
  int error = os::getOption(handleAt(info, 0), int32At(info, 1), int32At(info, 2), value, &length);
  if (error == 0 && offset <= sizeof value - sizeof number) memcpy(&number, value + offset, sizeof number);
  return Napi::Number::New(info.Env(), number);
}

// close(handle): error. A handle that is not ours is left alone: its number may be somebody else's file by now.
Napi::Value close(const Napi::CallbackInfo& info) {
  Handle handle = handleAt(info, 0);
  int error = environmentOf(info).disown(handle) ? os::close(handle) : 0;
  return Napi::Number::New(info.Env(), error);
}

// release(handle): whether it was ours. Somebody else closes it from now on.
Napi::Value release(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environmentOf(info).disown(handleAt(info, 0)));
}

// duplicate(handle): a second descriptor that the caller owns, or -1 and `status` says why
Napi::Value duplicate(const Napi::CallbackInfo& info) {
  Outcome outcome;
  outcome.error = os::duplicate(handleAt(info, 0), &outcome.handle);
  environmentOf(info).tell(outcome);
  return outcome.error == 0 ? handleValue(info, outcome.handle) : Napi::Number::New(info.Env(), -1);
}

Napi::Object constants(Napi::Env env) {
  auto result = Napi::Object::New(env);
  for (size_t i = 0; i < os::kConstantCount; i++) {
    result.Set(os::kConstants[i].name, Napi::Number::New(env, static_cast<double>(os::kConstants[i].value)));
  }
  return result;
}

}  // namespace

void own(napi_env env, Handle handle) { Napi::Env(env).GetInstanceData<Environment>()->own(handle); }

Napi::Object registerCalls(Napi::Env env, Napi::Object exports) {
  if (int error = os::start(); error != 0) {
    Napi::Error failure = Napi::Error::New(env, "WSAStartup failed");
    failure.Set("errno", Napi::Number::New(env, error));
    failure.ThrowAsJavaScriptException();
    return exports;
  }
  env.SetInstanceData(new Environment(env, exports));

  exports.Set("open", Napi::Function::New<open>(env, "open"));
  exports.Set("socket", Napi::Function::New<socket>(env, "socket"));
  exports.Set("set", Napi::Function::New<set>(env, "set"));
  exports.Set("bind", Napi::Function::New<bind>(env, "bind"));
  exports.Set("listen", Napi::Function::New<listen>(env, "listen"));
  exports.Set("localAddress", Napi::Function::New<localAddress>(env, "localAddress"));
  exports.Set("localPort", Napi::Function::New<localPort>(env, "localPort"));
  exports.Set("numberIn", Napi::Function::New<numberIn>(env, "numberIn"));
  exports.Set("close", Napi::Function::New<close>(env, "close"));
  exports.Set("release", Napi::Function::New<release>(env, "release"));
  exports.Set("duplicate", Napi::Function::New<duplicate>(env, "duplicate"));
  exports.Set("constants", constants(env));
  registerInspection(env, exports);
  registerPaths(env, exports);
  registerWatch(env, exports);
  registerHandover(env, exports);
  registerProcesses(env, exports);
  registerNotices(env, exports);
  return exports;
}

}  // namespace exactbind
