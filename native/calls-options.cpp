// What JavaScript can call to read and set socket options one at a time; on the bare Node-API, because a call costs
// little more than the system call in it.
#include <algorithm>
#include <vector>

#include "calls.h"
#include "os.h"

namespace exactbind {

namespace {

constexpr size_t kLongestOption = 64 * 1024;
constexpr size_t kUsualSockets = 1024;

template <size_t kCount>
struct Arguments {
  napi_value values[kCount];

  Arguments(napi_env env, napi_callback_info info) {
    size_t count = kCount;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
};

int32_t int32From(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

napi_value int32Value(napi_env env, int32_t number) {
  napi_value value = nullptr;
  napi_create_int32(env, number, &value);
  return value;
}

// The words of a call whose value is four bytes: to take them from memory is quicker than to be given each of them.
struct Call {
  uint32_t handle;
  int32_t level;
  int32_t option;
  int32_t value;
};

Call* callOf(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  return static_cast<Call*>(data);
}

// getInt(): error. What `call` names is answered there. What the system leaves out of the four bytes (a bool of Windows
// has one) reads as zero.
napi_value getInt(napi_env env, napi_callback_info info) {
  Call& call = *callOf(env, info);
  call.value = 0;
  // No unit of an option that counts in longer ones fits here, and the answer is its length alone.
  size_t length = sizeof call.value / os::lengthUnit(call.level, call.option);
  return int32Value(env,
                    os::getOption(static_cast<Handle>(call.handle), call.level, call.option, &call.value, &length));
}

// setInt(): error
napi_value setInt(napi_env env, napi_callback_info info) {
  const Call& call = *callOf(env, info);
  return int32Value(
      env, os::setOption(static_cast<Handle>(call.handle), call.level, call.option, &call.value, sizeof call.value));
}

struct Bytes {
  const uint8_t* data = nullptr;
  size_t length = 0;
};

bool bytesFrom(napi_env env, napi_value value, Bytes* bytes) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_uint8_array) {
    bytes->data = static_cast<const uint8_t*>(data);
    return true;
  }
  napi_throw_type_error(env, nullptr, "bytes");
  return false;
}

napi_value bytesValue(napi_env env, const std::vector<uint8_t>& bytes) {
  // Both fail in an environment that is being terminated: Napi::Uint8Array would be one without memory.
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value value = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return nullptr;
  std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(data));
  return napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &value) == napi_ok ? value : nullptr;
}

size_t lengthFrom(napi_env env, napi_value value) {
  int32_t wanted = int32From(env, value);
  return wanted < 0 ? 0 : std::min(static_cast<size_t>(wanted), kLongestOption);
}

// get(handle, level, option, length): Uint8Array of what the system wrote, or an error.
//
// The buffer is empty at first: some options read a count or an address out of it, and write there without asking for
// its length (IP_MSFILTER, TCP_AO_GET_KEYS, TCP_ZEROCOPY_RECEIVE on Linux).
napi_value get(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  auto& [handle, wantedLevel, wantedOption, wantedLength] = arguments.values;
  int32_t level = int32From(env, wantedLevel);
  int32_t option = int32From(env, wantedOption);
  size_t unit = os::lengthUnit(level, option);
  // Divided, so that the answer to a length in other units is not longer than what was asked for either.
  size_t length = lengthFrom(env, wantedLength) / unit;
  std::vector<uint8_t> value(length * unit);
  int error = os::getOption(handleFrom(env, handle), level, option, value.data(), &length);
  if (error != 0) return int32Value(env, error);
  value.resize(std::min(length * unit, value.size()));
  return bytesValue(env, value);
}

// setBytes(handle, level, option, value: Uint8Array): error
napi_value setBytes(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  auto& [handle, level, option, given] = arguments.values;
  Bytes value;
  if (!bytesFrom(env, given, &value)) return nullptr;
  return int32Value(env, os::setOption(handleFrom(env, handle), int32From(env, level), int32From(env, option),
                                       value.data, value.length));
}

// attachFilter(handle, option, instructions: Uint8Array): error
napi_value attachFilter(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  auto& [handle, option, given] = arguments.values;
  Bytes instructions;
  if (!bytesFrom(env, given, &instructions)) return nullptr;
  return int32Value(
      env, os::attachFilter(handleFrom(env, handle), int32From(env, option), instructions.data, instructions.length));
}

// control(handle, code, input: Uint8Array, length): Uint8Array of what the system wrote, or an error
napi_value control(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  auto& [handle, code, given, wanted] = arguments.values;
  Bytes input;
  if (!bytesFrom(env, given, &input)) return nullptr;
  size_t length = lengthFrom(env, wanted);
  std::vector<uint8_t> output(length);
  int error = os::control(handleFrom(env, handle), static_cast<uint32_t>(int32From(env, code)), input.data,
                          input.length, output.data(), &length);
  if (error != 0) return int32Value(env, error);
  output.resize(std::min(length, output.size()));
  return bytesValue(env, output);
}

// loopSockets(): Float64Array of socket and whether its handle is referenced, in turn, for each socket of this
// environment's event loop; or an error
napi_value loopSockets(napi_env env, napi_callback_info) {
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  std::vector<os::LoopSocket> list(kUsualSockets);
  size_t count = 0;
  int error = os::loopSockets(loop, list.data(), list.size(), &count);
  if (error == 0 && count > list.size()) {
    list.resize(count);
    error = os::loopSockets(loop, list.data(), list.size(), &count);
  }
  if (error != 0) return int32Value(env, error);
  auto result = Napi::Float64Array::New(env, count * 2);
  if (result.IsEmpty()) return nullptr;
  for (size_t i = 0; i < count; i++) {
    result[i * 2] = static_cast<double>(list[i].handle);
    result[i * 2 + 1] = list[i].hasReference ? 1 : 0;
  }
  return result;
}

}  // namespace

// Whatever is no handle becomes one that nobody has, and never 0.
Handle handleFrom(napi_env env, napi_value value) {
  double number = -1;
  napi_get_value_double(env, value, &number);
  bool fits = number >= 0 && number <= UINT32_MAX;
  return fits ? static_cast<Handle>(static_cast<uint32_t>(number)) : kNoHandle;
}

void registerOptionCalls(Napi::Env env, Napi::Object exports, int32_t* call) {
  static_assert(sizeof(Call) == kCallWords * sizeof *call, "a call is these words");
  const struct {
    const char* name;
    napi_callback callback;
  } calls[] = {{"get", get},
               {"getInt", getInt},
               {"setInt", setInt},
               {"setBytes", setBytes},
               {"attachFilter", attachFilter},
               {"control", control},
               {"loopSockets", loopSockets}};
  for (const auto& [name, callback] : calls) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, call, &function);
    napi_set_named_property(env, exports, name, function);
  }
}

}  // namespace exactbind
