# Cross-compiles with `zig c++`: cmake -D ZIG=<program> -D ZIG_TARGET=x86_64-windows-gnu -D CMAKE_TOOLCHAIN_FILE=<this file>.

# The compiler checks of CMake run in projects of their own, which know only these variables.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET)

if(ZIG_TARGET MATCHES "windows")
  set(CMAKE_SYSTEM_NAME Windows)
elseif(ZIG_TARGET MATCHES "macos")
  set(CMAKE_SYSTEM_NAME Darwin)
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${ZIG_TARGET})

set(CMAKE_CXX_COMPILER ${ZIG} c++ -target ${ZIG_TARGET})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# CMake learns of a compiler by linking programs, for which Zig would compile a C++ library that nothing else uses.
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
set(CMAKE_CXX_COMPILER_VERSION 17.0.3)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# The same bytes from every folder, and nothing that only a debugger reads.
add_compile_options(-g0 -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -fvisibility-global-new-delete-hidden)

# Without a C++ library: see native/prebuilt/library.cpp.
add_link_options(-s -nostdlib++)

# Its headers declare the members of std::string as compiled already; without this list they are compiled where they are
# used.
add_compile_options(-D_LIBCPP___STRING_EXTERN_TEMPLATE_LISTS_H "-D_LIBCPP_STRING_V1_EXTERN_TEMPLATE_LIST(...)=")
# What finds its way by them is 18 kB of macOS's pages; debuggers there go by frame pointers.
if(ZIG_TARGET MATCHES "macos")
  add_compile_options(-fno-unwind-tables -fno-asynchronous-unwind-tables -fno-omit-frame-pointer)
endif()
