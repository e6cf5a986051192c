// What JavaScript can ask about a port: who has it, and what the processes, users and control groups are called.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "os.h"
#include "values.h"

namespace exactbind {

namespace {

// One look at the system's sockets; made on any thread, told to JavaScript on its own.
class Inspection {
 public:
  // (type, port, states, budget): budget is the milliseconds for names, below 0 to leave all of them out, INT32_MAX for
  // whoever waits as long as it takes
  explicit Inspection(const Napi::CallbackInfo& info)
      : type_(int32At(info, 0)),
        port_(static_cast<uint16_t>(int32At(info, 1))),
        states_(static_cast<uint32_t>(int32At(info, 2))),
        budget_(int32At(info, 3)) {}

  void look() {
    error_ = os::sockets(type_, port_, states_, &sockets_);
    if (error_ != 0 || budget_ < 0) return;
    end_ = os::now() + budget_;
    ownersError_ = os::owners(&sockets_, static_cast<uint32_t>(budget_));
    for (const os::Socket& socket : sockets_) {
      if (socket.pid >= 0) lookUpProcess(socket.pid);
      if (socket.uid >= 0) lookUpUser(socket.uid);
      if (socket.cgroup != 0) lookUpCgroup(socket);
    }
  }

  Napi::Value value(Napi::Env env) const {
    auto rows = Napi::Array::New(env, sockets_.size());
    // One process can have ten thousand of the sockets, and is told to JavaScript once.
    std::map<int64_t, Napi::Array> lists;
    for (const auto& [pid, process] : processes_) {
      if (!process.arguments.empty()) lists.emplace(pid, argumentsOf(env, process));
    }
    uint32_t index = 0;
    for (const os::Socket& socket : sockets_) rows.Set(index++, row(env, socket, lists));
    auto result = Napi::Object::New(env);
    result.Set("error", Napi::Number::New(env, error_));
    result.Set("ownersError", Napi::Number::New(env, ownersError_));
    result.Set("sockets", rows);
    return result;
  }

 private:
  void lookUpProcess(int64_t pid) {
    auto [at, isNew] = processes_.try_emplace(pid);
    // One that has ended, or is hidden, has no name.
    if (isNew && os::process(pid, budget_ == INT32_MAX, &at->second) != 0) at->second = {};
  }

  void lookUpUser(int64_t uid) {
    auto [at, isNew] = users_.try_emplace(uid);
    if (isNew && !os::userName(uid, &at->second)) at->second.clear();
  }

  void lookUpCgroup(const os::Socket& socket) {
    auto [at, isNew] = cgroups_.try_emplace(socket.cgroup);
    if (!isNew) return;
    auto budget = static_cast<uint32_t>(std::max<int64_t>(end_ - os::now(), 0));
    if (!os::cgroupPath(socket.cgroup, socket.pid, budget, &at->second)) at->second.clear();
  }

  Napi::Object row(Napi::Env env, const os::Socket& socket, const std::map<int64_t, Napi::Array>& lists) const {
    auto row = Napi::Object::New(env);
    row.Set("address", addressValue(env, socket.local));
    row.Set("family", familyValue(env, socket.local));
    row.Set("state", Napi::Number::New(env, socket.state));
    row.Set("isOpen", Napi::Boolean::New(env, socket.inode != 0 || socket.pid >= 0));
    if (socket.remote.ss_family != AF_UNSPEC) {
      row.Set("remoteAddress", addressValue(env, socket.remote));
      row.Set("remotePort", Napi::Number::New(env, portOf(socket.remote)));
    }
    setUnlessUnknown(row, "uid", socket.uid);
    setUnlessUnknown(row, "pid", socket.pid);
    setUnlessUnknown(row, "timeLeft", socket.timeLeft);
    if (socket.inode != 0) row.Set("inode", Napi::Number::New(env, static_cast<double>(socket.inode)));
    setFlag(row, "ipv6Only", socket.ipv6Only);
    setFlag(row, "reuseAddress", socket.reuseAddress);
    setFlag(row, "reusePort", socket.reusePort);
    if (auto user = users_.find(socket.uid); user != users_.end()) setUnlessEmpty(row, "user", user->second);
    if (auto path = cgroups_.find(socket.cgroup); path != cgroups_.end()) setUnlessEmpty(row, "cgroup", path->second);
    if (auto found = processes_.find(socket.pid); found != processes_.end()) {
      setUnlessEmpty(row, "executable", found->second.executable);
      setUnlessEmpty(row, "directory", found->second.directory);
    }
    if (auto list = lists.find(socket.pid); list != lists.end()) row.Set("arguments", list->second);
    return row;
  }

  static void setUnlessUnknown(Napi::Object row, const char* name, int64_t value) {
    if (value >= 0) row.Set(name, Napi::Number::New(row.Env(), static_cast<double>(value)));
  }

  static void setFlag(Napi::Object row, const char* name, int8_t value) {
    if (value >= 0) row.Set(name, Napi::Boolean::New(row.Env(), value != 0));
  }

  static void setUnlessEmpty(Napi::Object row, const char* name, const std::string& text) {
    if (!text.empty()) row.Set(name, Napi::String::New(row.Env(), text));
  }

  static Napi::Array argumentsOf(Napi::Env env, const os::Process& process) {
    auto list = Napi::Array::New(env, process.arguments.size());
    uint32_t index = 0;
    for (const std::string& argument : process.arguments) list.Set(index++, Napi::String::New(env, argument));
    return list;
  }

  int32_t type_;
  uint16_t port_;
  uint32_t states_;
  int32_t budget_;
  int64_t end_ = 0;
  int error_ = 0;
  int ownersError_ = 0;
  std::vector<os::Socket> sockets_;
  std::map<int64_t, os::Process> processes_;
  std::map<int64_t, std::string> users_;
  std::map<uint64_t, std::string> cgroups_;
};

// sockets(type, port, states, budget): { error, ownersError, sockets }
Napi::Value sockets(const Napi::CallbackInfo& info) {
  Inspection inspection(info);
  inspection.look();
  return inspection.value(info.Env());
}

class InspectionWorker : public Napi::AsyncWorker {
 public:
  explicit InspectionWorker(const Napi::CallbackInfo& info)
      : Napi::AsyncWorker(info.Env(), "exactbind.inspect"), inspection_(info) {}

  // Null in an environment that is being terminated: node-addon-api's Deferred holds whatever was in memory then.
  napi_value promise() {
    napi_value promise = nullptr;
    return napi_create_promise(Env(), &deferred_, &promise) == napi_ok ? promise : nullptr;
  }

 protected:
  void Execute() override { inspection_.look(); }
  // Without C++ exceptions Execute() cannot fail, and OnError() is never called.
  void OnOK() override { napi_resolve_deferred(Env(), deferred_, inspection_.value(Env())); }

 private:
  Inspection inspection_;
  napi_deferred deferred_ = nullptr;
};

// socketsAsync(type, port, states, budget): the same off the main thread, as a promise
Napi::Value socketsAsync(const Napi::CallbackInfo& info) {
  auto* worker = new InspectionWorker(info);
  napi_value promise = worker->promise();
  if (promise == nullptr) {
    delete worker;
    return info.Env().Undefined();
  }
  worker->Queue();
  return Napi::Value(info.Env(), promise);
}

}  // namespace

void registerInspection(Napi::Env env, Napi::Object exports) {
  exports.Set("sockets", Napi::Function::New<sockets>(env, "sockets"));
  exports.Set("socketsAsync", Napi::Function::New<socketsAsync>(env, "socketsAsync"));
}

}  // namespace exactbind
