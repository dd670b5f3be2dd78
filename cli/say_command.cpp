#include "cli/commands.h"

#include <cstdio>

namespace understudy {

ExitCode run(const SayCommand& command) {
  std::FILE* stream = command.code == ExitCode::ok ? stdout : stderr;
  std::fputs(command.text.c_str(), stream);
  return command.code;
}

}  // namespace understudy
