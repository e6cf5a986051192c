// What JavaScript can call to hand sockets over: Unix sockets by path, messages with descriptors, and a lock.
#include <algorithm>
#include <string>
#include <vector>

#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

constexpr size_t kLongestMessage = 64 * 1024 + 4;

Napi::Value throwBadCall(const Napi::CallbackInfo& info, const char* message) {
  Napi::TypeError::New(info.Env(), message).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}

using OnPath = int(Handle handle, const char* path, size_t length);

Napi::Value withPath(const Napi::CallbackInfo& info, OnPath call) {
  if (!info[1].IsString()) return throwBadCall(info, "path");
  std::string path = info[1].As<Napi::String>().Utf8Value();
  return Napi::Number::New(info.Env(), call(handleFrom(info.Env(), info[0]), path.data(), path.size()));
}

// bindPath(handle, path): error
Napi::Value bindPath(const Napi::CallbackInfo& info) { return withPath(info, os::bindPath); }

// connectPath(handle, path): error
Napi::Value connectPath(const Napi::CallbackInfo& info) { return withPath(info, os::connectPath); }

// sendHandles(handle, bytes: Uint8Array, handles: number[]): how many bytes were sent, or the error, negative
Napi::Value sendHandles(const Napi::CallbackInfo& info) {
  if (!info[1].IsTypedArray() || !info[2].IsArray()) return throwBadCall(info, "message");
  auto bytes = info[1].As<Napi::Uint8Array>();
  auto list = info[2].As<Napi::Array>();
  std::vector<Handle> handles(list.Length());
  for (uint32_t i = 0; i < handles.size(); i++) handles[i] = handleFrom(info.Env(), list.Get(i));
  size_t length = bytes.ByteLength();
  int error = os::sendHandles(handleFrom(info.Env(), info[0]), bytes.Data(), &length, handles.data(), handles.size());
  return Napi::Number::New(info.Env(), error != 0 ? -error : static_cast<double>(length));
}

// receiveHandles(handle, length): { bytes: Uint8Array, handles: number[] }, or the error
Napi::Value receiveHandles(const Napi::CallbackInfo& info) {
  double wanted = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
  size_t length = std::min(static_cast<size_t>(std::max(wanted, 0.0)), kLongestMessage);
  std::vector<uint8_t> received(length);
  std::vector<Handle> handles(os::kMostHandles);
  size_t count = handles.size();
  int error = os::receiveHandles(handleFrom(info.Env(), info[0]), received.data(), &length, handles.data(), &count);
  if (error != 0) return Napi::Number::New(info.Env(), error);
  // First: nothing below may leave one behind.
  for (size_t i = 0; i < count; i++) own(info.Env(), handles[i]);
  auto bytes = Napi::Uint8Array::New(info.Env(), length);
  auto list = Napi::Array::New(info.Env());
  auto result = Napi::Object::New(info.Env());
  // In an environment that is being terminated.
  if (bytes.IsEmpty() || list.IsEmpty() || result.IsEmpty()) return info.Env().Undefined();
  std::copy(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(length), bytes.Data());
  for (uint32_t i = 0; i < count; i++) {
    list.Set(i, Napi::Number::New(info.Env(), static_cast<double>(static_cast<int64_t>(handles[i]))));
  }
  put(result, "bytes", bytes);
  put(result, "handles", list);
  return result;
}

// lockFile(descriptor): error
Napi::Value lockFile(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), os::lockFile(handleFrom(info.Env(), info[0])));
}

}  // namespace

void registerHandover(Napi::Env env, Napi::Object exports) {
  exports.Set("bindPath", Napi::Function::New<bindPath>(env, "bindPath"));
  exports.Set("connectPath", Napi::Function::New<connectPath>(env, "connectPath"));
  exports.Set("sendHandles", Napi::Function::New<sendHandles>(env, "sendHandles"));
  exports.Set("receiveHandles", Napi::Function::New<receiveHandles>(env, "receiveHandles"));
  exports.Set("lockFile", Napi::Function::New<lockFile>(env, "lockFile"));
}

}  // namespace exactbind
