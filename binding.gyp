# The build that ships from native runners, and the one that compiles at install where no prebuilt binary fits.
{
  "targets": [
    {
      "target_name": "exactbind",
      "variables": {
        # gyp's names of the systems are translated to the project's here.
        "conditions": [
          ["OS=='win'", {"system": "windows"}],
          ["OS=='mac'", {"system": "darwin"}],
          ["OS!='win' and OS!='mac'", {"system": "linux"}],
        ],
      },
      "sources": [
        "<!@(node -p \"const s = require('./native/sources.json'); [...s.all, ...s['<(system)']].join(' ')\")",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=<!(node -p \"require('./native/sources.json').napiVersion\")",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        # A call in a worker that is being terminated fails, which is nobody's mistake and no reason to end the process.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      "conditions": [
        ["OS=='win'", {
          "defines": ["_HAS_EXCEPTIONS=0", "WIN32_LEAN_AND_MEAN", "NOMINMAX"],
          "libraries": ["-lws2_32", "-liphlpapi"],
          "msvs_settings": {
            "VCCLCompilerTool": {"AdditionalOptions": ["/std:c++17"], "WarningLevel": 4},
          },
        }],
        ["OS=='mac'", {
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
            "GCC_ENABLE_CPP_RTTI": "NO",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0",
            "OTHER_CPLUSPLUSFLAGS": ["-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion"],
          },
        }],
        ["OS!='win' and OS!='mac'", {
          "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
          "cflags_cc": [
            "-std=c++17", "-Os", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti",
            "-ffunction-sections", "-fdata-sections",
          ],
          "ldflags": ["-Wl,--gc-sections"],
        }],
      ],
    },
  ],
}
