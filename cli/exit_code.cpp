#include "cli/exit_code.h"

#include "common/core/errors.h"

namespace understudy {

ExitCode exit_code_of(const std::exception& error) {
  if (dynamic_cast<const ConfigError*>(&error) != nullptr) return ExitCode::usage;
  if (dynamic_cast<const CorruptionError*>(&error) != nullptr) return ExitCode::corruption;
  return ExitCode::environment;
}

}  // namespace understudy
