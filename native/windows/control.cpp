// WSAIoctl(), which does here what an option does elsewhere.
#include "../os.h"

namespace exactbind::os {

int control(Handle handle, uint32_t code, const void* input, size_t inputLength, void* output, size_t* length) {
  DWORD written = 0;
  int result = WSAIoctl(handle, code, const_cast<void*>(input), static_cast<DWORD>(inputLength), output,
                        static_cast<DWORD>(*length), &written, nullptr, nullptr);
  *length = written;
  return result == 0 ? 0 : WSAGetLastError();
}

}  // namespace exactbind::os
