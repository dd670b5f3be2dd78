#include "common/core/failure_point.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLook{5};

bool is_chosen(const char* name) {
  static const char* const chosen = std::getenv("UNDERSTUDY_DIE_AT");
  return chosen != nullptr && std::strcmp(chosen, name) == 0;
}

// Of "<name>:<file>": the file, when it is this point; else empty.
std::string hold_file(std::string_view name) {
  static const char* const chosen = std::getenv("UNDERSTUDY_HOLD_AT");
  if (chosen == nullptr) return {};
  const std::string_view text = chosen;
  const auto colon = text.find(':');
  return text.substr(0, colon) == name ? std::string(text.substr(colon + 1)) : std::string();
}

}  // namespace

void failure_point(const char* name) {
  if (is_chosen(name)) ::kill(::getpid(), SIGKILL);
  const auto file = hold_file(name);
  if (file.empty() || ::access(file.c_str(), F_OK) != 0) return;
  if (auto* held = std::fopen((file + ".held").c_str(), "we")) (void)std::fclose(held);
  while (::access(file.c_str(), F_OK) == 0) std::this_thread::sleep_for(kLook);
}

bool is_left_out(const char* name) {
  static const char* const chosen = std::getenv("UNDERSTUDY_LEAVE_OUT");
  return chosen != nullptr && std::strcmp(chosen, name) == 0;
}

}  // namespace understudy
