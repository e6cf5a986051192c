// Names what only glibc has: musl's loader refuses this binary then, and the package loads the next one.
extern "C" const char* gnu_get_libc_version();

// An address that is data is looked up when the binary is loaded; a call would wait until it is made.
__attribute__((used, retain, visibility("hidden"))) const char* (*const exactbindGlibc)() = gnu_get_libc_version;
