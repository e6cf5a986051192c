// What the prebuilt binaries have of the C++ library, without its exceptions, unwinding and demangler.
//
// Its operator new has to throw, and so links 170 kB in; here nothing throws, and memory that is not there ends the
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

const std::nothrow_t std::nothrow;
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return malloc(size); }

void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

// What libc++ calls where it would throw:
// https://libcxx.llvm.org/UsingLibcxx.html#overriding-the-default-termination-handler
_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char*, ...) { abort(); }
_LIBCPP_END_NAMESPACE_STD

// In the place of a function that a class leaves to those derived from it.
extern "C" void __cxa_pure_virtual() { abort(); }
