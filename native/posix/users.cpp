// What a user is called: /etc/passwd, and nothing that may ask a directory service.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

bool userName(int64_t uid, std::string* name) {
  FILE* file = ::fopen("/etc/passwd", "re");
  if (file == nullptr) return false;
  char line[4096];
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != nullptr) {
    // name:password:uid:…
    const char* password = strchr(line, ':');
    const char* number = password != nullptr ? strchr(password + 1, ':') : nullptr;
    if (number == nullptr || *line == '#') continue;
    // "nobody" is -2 on macOS. A row of NIS has none, which is not root's.
    char* end = nullptr;
    long own = strtol(number + 1, &end, 10);
    found = end != number + 1 && *end == ':' && static_cast<uid_t>(own) == static_cast<uid_t>(uid);
    if (found) name->assign(line, static_cast<size_t>(password - line));
  }
  return ::fclose(file) == 0 && found;
}

}  // namespace exactbind::os
