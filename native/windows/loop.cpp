// Finds the sockets of an event loop through libuv's public functions, which the program that runs this addon exports.
#include <cstring>

#include "../os.h"

namespace exactbind::os {

namespace {

// As libuv declares them; its types are opaque here, so that no layout is relied upon.
struct Libuv {
  using Visit = void (*)(void* handle, void* data);
  void (*walk)(void* loop, Visit visit, void* data);
  int (*type)(const void* handle);
  const char* (*typeName)(int type);
  int (*fileno)(const void* handle, HANDLE* socket);
  int (*hasReference)(const void* handle);
};

template <typename Function>
bool find(HMODULE program, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(program, name)));
  return *function != nullptr;
}

bool load(Libuv* uv) {
  HMODULE program = GetModuleHandleW(nullptr);
  return find(program, "uv_walk", &uv->walk) && find(program, "uv_handle_get_type", &uv->type) &&
         find(program, "uv_handle_type_name", &uv->typeName) && find(program, "uv_fileno", &uv->fileno) &&
         find(program, "uv_has_ref", &uv->hasReference);
}

struct Search {
  const Libuv* uv;
  LoopSocket* list;
  size_t capacity;
  size_t count;
};

void visit(void* handle, void* data) {
  auto* search = static_cast<Search*>(data);
  const Libuv& uv = *search->uv;
  const char* name = uv.typeName(uv.type(handle));
  if (name == nullptr || (strcmp(name, "tcp") != 0 && strcmp(name, "udp") != 0)) return;
  HANDLE socket = INVALID_HANDLE_VALUE;
  if (uv.fileno(handle, &socket) != 0) return;
  if (search->count < search->capacity) {
    LoopSocket& found = search->list[search->count];
    found.handle = reinterpret_cast<SOCKET>(socket);
    found.hasReference = uv.hasReference(handle) != 0;
  }
  search->count++;
}

}  // namespace

int loopSockets(void* loop, LoopSocket* list, size_t capacity, size_t* count) {
  Libuv uv;
  if (!load(&uv)) return WSAEOPNOTSUPP;
  Search search{&uv, list, capacity, 0};
  uv.walk(loop, visit, &search);
  *count = search.count;
  return 0;
}

}  // namespace exactbind::os
