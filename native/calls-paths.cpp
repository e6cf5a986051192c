// What JavaScript can do with a Unix socket's name: look at its file, lock and remove it.
#include <string>

#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

std::string textAt(const Napi::CallbackInfo& info, size_t index) { return info[index].ToString().Utf8Value(); }

Napi::Value errorValue(const Napi::CallbackInfo& info, int error) { return Napi::Number::New(info.Env(), error); }

// localPath(handle): the name, or the error
Napi::Value localPath(const Napi::CallbackInfo& info) {
  std::string name;
  int error = os::localPath(handleFrom(info.Env(), info[0]), &name);
  if (error != 0) return errorValue(info, error);
  return Napi::String::New(info.Env(), name);
}

// A number that need not fit into one of JavaScript's, last digit first: two are compared, and none is shown.
void appendDigits(uint64_t value, std::string* text) {
  do {
    text->push_back("0123456789abcdef"[value & 15]);
    value >>= 4;
  } while (value != 0);
}

// fileAt(path, follow): { id, mode, uid }, or the error. Two files with the same `id` are one.
Napi::Value fileAt(const Napi::CallbackInfo& info) {
  os::File file;
  int error = os::fileAt(textAt(info, 0), info[1].ToBoolean(), &file);
  if (error != 0) return errorValue(info, error);
  auto result = Napi::Object::New(info.Env());
  std::string id;
  appendDigits(file.device, &id);
  id.push_back(':');
  appendDigits(file.inode, &id);
  put(result, "id", Napi::String::New(info.Env(), id));
  put(result, "mode", Napi::Number::New(info.Env(), file.mode));
  put(result, "uid", Napi::Number::New(info.Env(), static_cast<double>(file.uid)));
  return result;
}

// lockPath(path, milliseconds): a handle that this environment owns, or the error, negative
Napi::Value lockPath(const Napi::CallbackInfo& info) {
  Handle lock = kNoHandle;
  int error = os::lockPath(textAt(info, 0), static_cast<uint32_t>(int32At(info, 1)), &lock);
  if (error != 0) return errorValue(info, -error);
  own(info.Env(), lock);
  return Napi::Number::New(info.Env(), static_cast<double>(static_cast<int64_t>(lock)));
}

// removeFile(path): error
Napi::Value removeFile(const Napi::CallbackInfo& info) { return errorValue(info, os::removeFile(textAt(info, 0))); }

// setFileMode(path, mode): error
Napi::Value setFileMode(const Napi::CallbackInfo& info) {
  return errorValue(info, os::setFileMode(textAt(info, 0), static_cast<uint32_t>(int32At(info, 1))));
}

// mayChangeFolder(path): error
Napi::Value mayChangeFolder(const Napi::CallbackInfo& info) {
  return errorValue(info, os::mayChangeFolder(textAt(info, 0)));
}

}  // namespace

void registerPaths(Napi::Env env, Napi::Object exports) {
  exports.Set("localPath", Napi::Function::New<localPath>(env, "localPath"));
  exports.Set("fileAt", Napi::Function::New<fileAt>(env, "fileAt"));
  exports.Set("lockPath", Napi::Function::New<lockPath>(env, "lockPath"));
  exports.Set("removeFile", Napi::Function::New<removeFile>(env, "removeFile"));
  exports.Set("setFileMode", Napi::Function::New<setFileMode>(env, "setFileMode"));
  exports.Set("mayChangeFolder", Napi::Function::New<mayChangeFolder>(env, "mayChangeFolder"));
}

}  // namespace exactbind
