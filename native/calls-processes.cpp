// What JavaScript can do to a process: keep hold of it, and send it a signal.
#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

// A number that int32At() would cut: a HANDLE.
int64_t int64At(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsNumber() ? info[index].As<Napi::Number>().Int64Value() : -1;
}

// openProcess(pid): what signalProcess() takes, or the error, negative
Napi::Value openProcess(const Napi::CallbackInfo& info) {
  int64_t process = -1;
  int error = os::openProcess(int32At(info, 0), &process);
  return Napi::Number::New(info.Env(), static_cast<double>(error == 0 ? process : -error));
}

// signalProcess(process, signal): the error; 0 asks whether it could be signalled
Napi::Value signalProcess(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), os::signalProcess(int64At(info, 0), int32At(info, 1)));
}

// closeProcess(process): the error
Napi::Value closeProcess(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), os::closeProcess(int64At(info, 0)));
}

}  // namespace

void registerProcesses(Napi::Env env, Napi::Object exports) {
  exports.Set("openProcess", Napi::Function::New<openProcess>(env, "openProcess"));
  exports.Set("signalProcess", Napi::Function::New<signalProcess>(env, "signalProcess"));
  exports.Set("closeProcess", Napi::Function::New<closeProcess>(env, "closeProcess"));
}

}  // namespace exactbind
