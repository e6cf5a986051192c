// What JavaScript can call about whoever started this process, and whom it starts: notices, and inherited sockets.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

// An inbox and the way from its thread to JavaScript. It keeps the event loop alive until it is stopped.
class Listener {
 public:
  Listener(Napi::Env env, Napi::Function heard)
      : env_(env), heard_(Napi::ThreadSafeFunction::New(env, heard, "exactbind.inbox", 0, 1)) {
    // Hooks run in reverse order: the thread has ended before the function that it calls goes.
    napi_add_env_cleanup_hook(env_, atEnd, this);
  }
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // False in an environment that is being terminated.
  bool isReady() const { return static_cast<napi_threadsafe_function>(heard_) != nullptr; }

  os::Inbox** inbox() { return &inbox_; }

  // Does nothing the second time.
  void stop() {
    if (isStopped_) return;
    napi_remove_env_cleanup_hook(env_, atEnd, this);
    end();
  }

  static void hear(void* self, const char* text, size_t length) {
    auto notice = std::make_unique<std::string>(text, length);
    auto tell = [](Napi::Env env, Napi::Function heard, std::string* told) {
      std::unique_ptr<std::string> held(told);
      // Without one the environment is being terminated.
      if (static_cast<napi_env>(env) != nullptr) heard.Call({Napi::String::New(env, *held)});
    };
    if (static_cast<Listener*>(self)->heard_.NonBlockingCall(notice.get(), tell) == napi_ok) {
      static_cast<void>(notice.release());
    }
  }

 private:
  static void atEnd(void* self) { static_cast<Listener*>(self)->end(); }

  void end() {
    isStopped_ = true;
    if (inbox_ != nullptr) os::stopInbox(inbox_);
    if (isReady()) heard_.Abort();
  }

  napi_env env_;
  Napi::ThreadSafeFunction heard_;
  os::Inbox* inbox_ = nullptr;
  bool isStopped_ = false;
};

Napi::Value throwBadCall(const Napi::CallbackInfo& info, const char* message) {
  Napi::TypeError::New(info.Env(), message).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}

// sendNotice(name, text, handles: number[]): error
Napi::Value sendNotice(const Napi::CallbackInfo& info) {
  if (!info[0].IsString() || !info[1].IsString() || !info[2].IsArray()) return throwBadCall(info, "notice");
  std::string name = info[0].As<Napi::String>().Utf8Value();
  std::string text = info[1].As<Napi::String>().Utf8Value();
  auto list = info[2].As<Napi::Array>();
  std::vector<Handle> handles(list.Length());
  for (uint32_t i = 0; i < handles.size(); i++) handles[i] = handleFrom(info.Env(), list.Get(i));
  int error = os::sendNotice(name.data(), name.size(), text.data(), text.size(), handles.data(), handles.size());
  return Napi::Number::New(info.Env(), error);
}

// openInbox(name, heard: (text) => void): function that closes it, or the error
Napi::Value openInbox(const Napi::CallbackInfo& info) {
  if (!info[0].IsString() || !info[1].IsFunction()) return throwBadCall(info, "inbox");
  std::string name = info[0].As<Napi::String>().Utf8Value();
  auto listener = std::make_unique<Listener>(info.Env(), info[1].As<Napi::Function>());
  if (!listener->isReady()) return info.Env().Undefined();
  int error = os::openInbox(name.data(), name.size(), Listener::hear, listener.get(), listener->inbox());
  if (error != 0) {
    listener->stop();
    return Napi::Number::New(info.Env(), error);
  }
  auto stop = [listener = std::move(listener)](const Napi::CallbackInfo&) { listener->stop(); };
  return Napi::Function::New(info.Env(), std::move(stop), "stop");
}

// inherit(descriptor): error. It is one that this environment owns from now on.
Napi::Value inherit(const Napi::CallbackInfo& info) {
  Handle handle = handleFrom(info.Env(), info[0]);
  int error = os::inherit(handle);
  if (error == 0) own(info.Env(), handle);
  return Napi::Number::New(info.Env(), error);
}

}  // namespace

void registerNotices(Napi::Env env, Napi::Object exports) {
  exports.Set("sendNotice", Napi::Function::New<sendNotice>(env, "sendNotice"));
  exports.Set("openInbox", Napi::Function::New<openInbox>(env, "openInbox"));
  exports.Set("inherit", Napi::Function::New<inherit>(env, "inherit"));
}

}  // namespace exactbind
