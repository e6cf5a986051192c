// What JavaScript can ask about a port or a path: who has it, and what the processes, users and control groups are
// called.
#include <atomic>
#include <memory>
#include <string>

#include "calls.h"
#include "look.h"
#include "values.h"

namespace exactbind {

namespace {

void setUnlessUnknown(Napi::Object object, const char* name, int64_t value) {
  if (value >= 0) put(object, name, Napi::Number::New(object.Env(), static_cast<double>(value)));
}

void setFlag(Napi::Object object, const char* name, int8_t value) {
  if (value >= 0) put(object, name, Napi::Boolean::New(object.Env(), value != 0));
}

void setUnlessEmpty(Napi::Object object, const char* name, const std::string& text) {
  if (!text.empty()) put(object, name, Napi::String::New(object.Env(), text));
}

Napi::Object processValue(Napi::Env env, int64_t pid, const os::Process& found, const std::string& user) {
  auto process = Napi::Object::New(env);
  put(process, "pid", Napi::Number::New(env, static_cast<double>(pid)));
  setUnlessEmpty(process, "name", found.name);
  setUnlessEmpty(process, "executable", found.executable);
  setUnlessEmpty(process, "directory", found.directory);
  setUnlessUnknown(process, "uid", found.uid);
  setUnlessUnknown(process, "parent", found.parent > 0 ? found.parent : -1);
  setUnlessUnknown(process, "startedAt", found.startedAt);
  setUnlessEmpty(process, "user", user);
  if (found.arguments.empty()) return process;
  auto list = Napi::Array::New(env, found.arguments.size());
  uint32_t index = 0;
  for (const std::string& argument : found.arguments) list.Set(index++, Napi::String::New(env, argument));
  put(process, "arguments", list);
  return process;
}

// What a look has found, as an object of JavaScript's.
class Answer {
 public:
  Answer(Napi::Env env, const Look& look) : env_(env), look_(look) {}

  Napi::Object value() const {
    auto rows = Napi::Array::New(env_, look_.rows.size());
    uint32_t index = 0;
    for (const Row& found : look_.rows) rows.Set(index++, row(found));
    auto processes = Napi::Array::New(env_, look_.processes.size());
    index = 0;
    for (const auto& [pid, found] : look_.processes) processes.Set(index++, process(pid, found));
    auto result = Napi::Object::New(env_);
    put(result, "error", Napi::Number::New(env_, look_.error));
    put(result, "ownersError", Napi::Number::New(env_, look_.ownersError));
    put(result, "areOwnersWhole", Napi::Boolean::New(env_, look_.areOwnersWhole));
    put(result, "isWhole", Napi::Boolean::New(env_, look_.isWhole));
    put(result, "sockets", rows);
    put(result, "processes", processes);
    return result;
  }

 private:
  // An address, with its zone where it needs one.
  Napi::Value zoned(const os::Socket& socket, const sockaddr_storage& address) const {
    char text[kAddressText];
    if (!formatAddress(address, text)) return env_.Null();
    char zone[kZoneText];
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    bool hasZone = address.ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr);
    if (!hasZone || !formatZone(socket.device, zone)) return Napi::String::New(env_, text);
    return Napi::String::New(env_, std::string(text) + '%' + zone);
  }

  Napi::Object row(const Row& found) const {
    const os::Socket& socket = found.socket;
    auto row = Napi::Object::New(env_);
    put(row, "address", zoned(socket, socket.local));
    put(row, "family", familyValue(env_, socket.local));
    put(row, "state", Napi::Number::New(env_, socket.state));
    put(row, "isOpen", Napi::Boolean::New(env_, socket.inode != 0 || !socket.pids.empty()));
    put(row, "count", Napi::Number::New(env_, found.count));
    if (socket.remote.ss_family != AF_UNSPEC) {
      put(row, "remoteAddress", zoned(socket, socket.remote));
      put(row, "remotePort", Napi::Number::New(env_, portOf(socket.remote)));
    }
    auto pids = Napi::Array::New(env_, socket.pids.size());
    uint32_t index = 0;
    for (int64_t pid : socket.pids) pids.Set(index++, Napi::Number::New(env_, static_cast<double>(pid)));
    put(row, "pids", pids);
    setUnlessUnknown(row, "uid", socket.uid);
    setUnlessUnknown(row, "timeLeft", socket.timeLeft);
    setUnlessUnknown(row, "lastTimeLeft", found.lastTimeLeft);
    if (socket.inode != 0) put(row, "inode", Napi::Number::New(env_, static_cast<double>(socket.inode)));
    char device[kZoneText];
    if (formatZone(socket.device, device)) put(row, "device", Napi::String::New(env_, device));
    setFlag(row, "ipv6Only", socket.ipv6Only);
    setFlag(row, "reuseAddress", socket.reuseAddress);
    setFlag(row, "reusePort", socket.reusePort);
    setUser(row, socket.uid);
    if (auto path = look_.cgroups.find(socket.cgroup); path != look_.cgroups.end()) {
      setUnlessEmpty(row, "cgroup", path->second);
    }
    return row;
  }

  void setUser(Napi::Object object, int64_t uid) const {
    if (auto user = look_.users.find(uid); user != look_.users.end()) setUnlessEmpty(object, "user", user->second);
  }

  Napi::Object process(int64_t pid, const os::Process& found) const {
    auto user = look_.users.find(found.uid);
    return processValue(env_, pid, found, user == look_.users.end() ? std::string() : user->second);
  }

  Napi::Env env_;
  const Look& look_;
};

// (type, port, states, names)
Look lookFor(const Napi::CallbackInfo& info) {
  return {int32At(info, 0), static_cast<uint16_t>(int32At(info, 1)), static_cast<uint32_t>(int32At(info, 2)),
          static_cast<Names>(int32At(info, 3))};
}

// (path, names)
Look lookForPath(const Napi::CallbackInfo& info) {
  return {info[0].ToString().Utf8Value(), static_cast<Names>(int32At(info, 1))};
}

// Milliseconds after which a look counts as hanging: longer than an error may take.
constexpr uint32_t kHangs = 1200;

// What a thread that looks shares with its waiter; the last of the two frees it.
struct Task {
  explicit Task(Look look) : look(std::move(look)) {}

  void release() {
    if (--users == 0) delete this;
  }

  std::atomic<int> users{1};
  Look look;
  std::atomic<bool> isStopped{false};
  napi_threadsafe_function tell = nullptr;
};

void runTask(void* given) {
  auto* task = static_cast<Task*>(given);
  task->look.run(&task->isStopped);
  // Its call fails in an environment that is being terminated, where nobody listens.
  if (task->tell != nullptr && !task->isStopped)
    napi_call_threadsafe_function(task->tell, nullptr, napi_tsfn_nonblocking);
  task->release();
}

int startTask(Task* task, os::Thread** thread) {
  task->users++;
  int error = os::startThread(runTask, task, thread);
  if (error != 0) task->users--;
  return error;
}

// What a look has found; null of one that hangs.
Napi::Value lookNow(const Napi::CallbackInfo& info, Look look, bool isInTime) {
  if (!isInTime) {
    look.run(nullptr);
    return Answer(info.Env(), look).value();
  }
  // On a thread, which can be left where the system hangs.
  auto* task = new Task(std::move(look));
  os::Thread* thread = nullptr;
  bool isDone = true;
  if (startTask(task, &thread) != 0) {
    task->look.run(nullptr);
  } else if (!os::endThread(thread, kHangs)) {
    task->isStopped = true;
    os::leaveThread(thread);
    isDone = false;
  }
  Napi::Value value = isDone ? Napi::Value(Answer(info.Env(), task->look).value()) : info.Env().Null();
  task->release();
  return value;
}

// sockets(type, port, states, names): { error, ownersError, areOwnersWhole, isWhole, sockets, processes }
Napi::Value sockets(const Napi::CallbackInfo& info) {
  return lookNow(info, lookFor(info), int32At(info, 3) == kNamesInTime);
}

// pathSockets(path, names): the same of a Unix socket's path or abstract name
Napi::Value pathSockets(const Napi::CallbackInfo& info) {
  return lookNow(info, lookForPath(info), int32At(info, 1) == kNamesInTime);
}

// A look on a thread of its own, and the promise of it; it keeps the event loop alive, unless that is limited in time.
class Pending {
 public:
  explicit Pending(Look look) : task_(new Task(std::move(look))) {}
  ~Pending() { task_->release(); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  // The promise, or null in an environment that is being terminated.
  static napi_value start(Napi::Env env, Look look, bool isInTime) {
    auto pending = std::make_unique<Pending>(std::move(look));
    napi_value promise = nullptr;
    if (napi_create_promise(env, &pending->deferred_, &promise) != napi_ok) return nullptr;
    napi_value name = Napi::String::New(env, "exactbind.inspect");
    if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 1, 1, nullptr, nullptr, pending.get(), settle,
                                        &pending->task_->tell) != napi_ok) {
      return nullptr;
    }
    // A waiter that waits no longer than an error may take has a timer, and does not end later for a thread that hangs.
    if (isInTime) napi_unref_threadsafe_function(env, pending->task_->tell);
    if (startTask(pending->task_, &pending->thread_) != 0) {
      // Without a thread, on this one.
      pending->task_->look.run(nullptr);
      napi_call_threadsafe_function(pending->task_->tell, nullptr, napi_tsfn_nonblocking);
    }
    // Hooks run in reverse order: the thread has ended before the function that it calls goes.
    napi_add_env_cleanup_hook(env, atEnd, pending.get());
    static_cast<void>(pending.release());
    return promise;
  }

 private:
  static void settle(napi_env env, napi_value, void* self, void*) {
    if (env == nullptr) return;
    std::unique_ptr<Pending> pending(static_cast<Pending*>(self));
    napi_remove_env_cleanup_hook(env, atEnd, pending.get());
    if (pending->thread_ != nullptr) os::endThread(pending->thread_, UINT32_MAX);
    napi_release_threadsafe_function(pending->task_->tell, napi_tsfn_abort);
    napi_resolve_deferred(env, pending->deferred_, Answer(env, pending->task_->look).value());
  }

  static void atEnd(void* self) {
    std::unique_ptr<Pending> pending(static_cast<Pending*>(self));
    pending->task_->isStopped = true;
    if (pending->thread_ == nullptr || os::endThread(pending->thread_, kHangs)) {
      napi_release_threadsafe_function(pending->task_->tell, napi_tsfn_abort);
      return;
    }
    os::leaveThread(pending->thread_);
  }

  Task* task_;
  os::Thread* thread_ = nullptr;
  napi_deferred deferred_ = nullptr;
};

// socketsAsync(type, port, states, names): the same on a thread of its own, as a promise
Napi::Value socketsAsync(const Napi::CallbackInfo& info) {
  napi_value promise = Pending::start(info.Env(), lookFor(info), int32At(info, 3) == kNamesInTime);
  return promise == nullptr ? info.Env().Undefined() : Napi::Value(info.Env(), promise);
}

// pathSocketsAsync(path, names): the same on a thread of its own, as a promise
Napi::Value pathSocketsAsync(const Napi::CallbackInfo& info) {
  napi_value promise = Pending::start(info.Env(), lookForPath(info), int32At(info, 1) == kNamesInTime);
  return promise == nullptr ? info.Env().Undefined() : Napi::Value(info.Env(), promise);
}

// process(pid): what is known of a process; undefined if none has that number
Napi::Value process(const Napi::CallbackInfo& info) {
  int32_t pid = int32At(info, 0);
  os::Process found;
  int error = os::process(pid, true, &found);
  if (error != 0 && found.name.empty()) return info.Env().Undefined();
  std::string user;
  if (found.uid < 0 || !os::userName(found.uid, &user)) user.clear();
  return processValue(info.Env(), pid, found, user);
}

}  // namespace

void registerInspection(Napi::Env env, Napi::Object exports) {
  exports.Set("sockets", Napi::Function::New<sockets>(env, "sockets"));
  exports.Set("process", Napi::Function::New<process>(env, "process"));
  exports.Set("socketsAsync", Napi::Function::New<socketsAsync>(env, "socketsAsync"));
  exports.Set("pathSockets", Napi::Function::New<pathSockets>(env, "pathSockets"));
  exports.Set("pathSocketsAsync", Napi::Function::New<pathSocketsAsync>(env, "pathSocketsAsync"));
}

}  // namespace exactbind
