// Exit codes of the program; docs/OPERATING.md explains them to operators.
#pragma once

#include <exception>

namespace understudy {

enum class ExitCode : int {
  ok = 0,
  negative = 1,     // the answer is no: verify differs, a wait timed out
  usage = 2,        // what was asked for cannot be: option, database, state directory
  environment = 3,  // the environment failed: I/O, SQLite, network, no answer
  corruption = 4,   // our own files are damaged
  forced = 130,     // a second signal cut a clean end short
};

// What an exception of common/core/errors.h means.
[[nodiscard]] ExitCode exit_code_of(const std::exception& error);

}  // namespace understudy
