// JavaScript values: the numbers of arguments, and addresses as text.
#include "values.h"

namespace exactbind {

int32_t int32At(const Napi::CallbackInfo& info, size_t index) {
  int32_t value = 0;
  napi_get_value_int32(info.Env(), info[index], &value);
  return value;
}

void put(Napi::Object object, const char* name, Napi::Value value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_default_jsproperty));
}

Napi::Value addressValue(Napi::Env env, const sockaddr_storage& storage) {
  char text[kAddressText];
  if (!formatAddress(storage, text)) return env.Null();
  return Napi::String::New(env, text);
}

Napi::Number familyValue(Napi::Env env, const sockaddr_storage& storage) {
  return Napi::Number::New(env, storage.ss_family == AF_INET6 ? 6 : 4);
}

}  // namespace exactbind
