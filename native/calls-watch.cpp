// What JavaScript can wait for: sockets on a port that go, and processes that end.
#include <memory>
#include <utility>

#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

// A watch and the way from its thread to JavaScript. It keeps the event loop alive until it is stopped.
class Watcher {
 public:
  // Room for one call: it stands for everything that happens before JavaScript has run.
  Watcher(Napi::Env env, Napi::Function wake)
      : env_(env), wake_(Napi::ThreadSafeFunction::New(env, wake, "exactbind.watch", 1, 1)) {
    // Hooks run in reverse order: the thread has ended before the function that it calls goes.
    napi_add_env_cleanup_hook(env_, atEnd, this);
  }
  ~Watcher() { stop(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // False in an environment that is being terminated.
  bool isReady() const { return static_cast<napi_threadsafe_function>(wake_) != nullptr; }

  os::Watch** watch() { return &watch_; }

  // Does nothing the second time.
  void stop() {
    if (isStopped_) return;
    napi_remove_env_cleanup_hook(env_, atEnd, this);
    end();
  }

  static void wake(void* self) { static_cast<Watcher*>(self)->wake_.NonBlockingCall(); }

 private:
  static void atEnd(void* self) { static_cast<Watcher*>(self)->end(); }

  void end() {
    isStopped_ = true;
    if (watch_ != nullptr) os::stopWatch(watch_);
    if (isReady()) wake_.Abort();
  }

  napi_env env_;
  Napi::ThreadSafeFunction wake_;
  os::Watch* watch_ = nullptr;
  bool isStopped_ = false;
};

// The function that stops what `start` has started, or its error.
template <typename Start>
Napi::Value watching(const Napi::CallbackInfo& info, size_t callback, Start start) {
  if (!info[callback].IsFunction()) {
    Napi::TypeError::New(info.Env(), "wake").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  auto watcher = std::make_unique<Watcher>(info.Env(), info[callback].As<Napi::Function>());
  if (!watcher->isReady()) return info.Env().Undefined();
  int error = start(watcher.get());
  if (error != 0) {
    watcher->stop();
    return Napi::Number::New(info.Env(), error);
  }
  auto stop = [watcher = std::move(watcher)](const Napi::CallbackInfo&) { watcher->stop(); };
  return Napi::Function::New(info.Env(), std::move(stop), "stop");
}

// watchPorts(type, first, last, wake): function that stops it, or the error
Napi::Value watchPorts(const Napi::CallbackInfo& info) {
  return watching(info, 3, [&info](Watcher* watcher) {
    return os::watchPorts(int32At(info, 0), static_cast<uint16_t>(int32At(info, 1)),
                          static_cast<uint16_t>(int32At(info, 2)), Watcher::wake, watcher, watcher->watch());
  });
}

// watchProcess(pid, wake): function that stops it, or the error
Napi::Value watchProcess(const Napi::CallbackInfo& info) {
  return watching(info, 1, [&info](Watcher* watcher) {
    return os::watchProcess(int32At(info, 0), Watcher::wake, watcher, watcher->watch());
  });
}

}  // namespace

void registerWatch(Napi::Env env, Napi::Object exports) {
  exports.Set("watchPorts", Napi::Function::New<watchPorts>(env, "watchPorts"));
  exports.Set("watchProcess", Napi::Function::New<watchProcess>(env, "watchProcess"));
}

}  // namespace exactbind
