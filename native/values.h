// JavaScript values: the numbers of arguments, and addresses as text.
#pragma once

#include <napi.h>

#include "address.h"

namespace exactbind {

// 0 if it is no number.
int32_t int32At(const Napi::CallbackInfo& info, size_t index);

// Defines a property: Set() would call a setter of Object.prototype.
void put(Napi::Object object, const char* name, Napi::Value value);

// Null if it is neither IPv4 nor IPv6.
Napi::Value addressValue(Napi::Env env, const sockaddr_storage& storage);

// 4 or 6.
Napi::Number familyValue(Napi::Env env, const sockaddr_storage& storage);

}  // namespace exactbind
