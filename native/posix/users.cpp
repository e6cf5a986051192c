// What a user is called: /etc/passwd, and nothing that may ask a directory service.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../os.h"

namespace exactbind::os {

bool userName(int64_t uid, std::string* name) {
  FILE* file = ::fopen("/etc/passwd", "re");
  while (file == nullptr && errno == EINTR) file = ::fopen("/etc/passwd", "re");
  if (file == nullptr) return false;
  char line[4096];
  bool found = false;
  bool wasWhole = true;
  while (!found && fgets(line, sizeof line, file) != nullptr) {
    // name:password:uid:…
    const char* password = strchr(line, ':');
    const char* number = password != nullptr ? strchr(password + 1, ':') : nullptr;
    // The rest of a line that was too long begins anywhere.
    bool isBegin = wasWhole;
    wasWhole = strchr(line, '\n') != nullptr;
    if (!isBegin || number == nullptr || *line == '#') continue;
    // "nobody" is -2 on macOS. An empty field is nobody's number, and not root's.
    char* end = nullptr;
    long read = strtol(number + 1, &end, 10);
    found = end != number + 1 && *end == ':' && static_cast<uid_t>(read) == static_cast<uid_t>(uid);
    if (found) name->assign(line, static_cast<size_t>(password - line));
  }
  return ::fclose(file) == 0 && found;
}

}  // namespace exactbind::os
