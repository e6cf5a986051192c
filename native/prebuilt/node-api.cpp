// The functions of Node-API on Windows, found in whichever program loads the addon.
//
// An import library binds them to a file called node.exe, which Electron, single executables and pkg do not have. The
// compiler calls an imported function through a pointer, __imp_<name>, that the loader fills in; here we are the
// loader.
#include <windows.h>

#define EACH(name) void* __imp_##name;
extern "C" {
#include "node-api-names.h"
}
#undef EACH

namespace {

struct Import {
  const char* name;
  void** pointer;
};

#define EACH(name) {#name, &__imp_##name},
const Import kImports[] = {
#include "node-api-names.h"
};
#undef EACH

// Before any function of the addon runs.
__attribute__((constructor)) void fill() {
  // A Node that was built as a library has them there.
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  if (host == nullptr) host = GetModuleHandleW(nullptr);
  for (const auto& import : kImports) *import.pointer = reinterpret_cast<void*>(GetProcAddress(host, import.name));
}

}  // namespace
