// Allocation for the prebuilt binaries, without the exceptions, unwinding and demangler of the C++ library's own.
//
// operator new has to throw, and so links 170 kB in; here nothing throws, and memory that is not there ends the
// process, as it does in Node.
#include <cstdlib>
#include <new>
#include <version>

void* operator new(size_t size) {
  void* memory = malloc(size);
  if (memory == nullptr) abort();
  return memory;
}

void* operator new[](size_t size) { return operator new(size); }

void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

// What libc++ calls where it would throw:
// https://libcxx.llvm.org/UsingLibcxx.html#overriding-the-default-termination-handler
_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char*, ...) { abort(); }
_LIBCPP_END_NAMESPACE_STD
