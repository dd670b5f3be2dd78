#include "common/archive/left_over.h"

#include "common/archive/archive_folder.h"
#include "common/core/random_number.h"
#include "common/file/file.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <utility>

namespace understudy {
namespace {

std::string token() {
  static const auto drawn = fmt::format("{:016x}", random_number());
  return drawn;
}

// What is behind the last '.', which is taken off with it.
std::string_view take_last(std::string_view& name) {
  const auto at = name.rfind('.');
  if (at == std::string_view::npos) return std::exchange(name, {});
  const auto last = name.substr(at + 1);
  name = name.substr(0, at);
  return last;
}

// Process ids come again, tokens do not.
bool is_left_over(std::string_view file, std::string_view node) {
  (void)take_last(file);  // partial
  (void)take_last(file);  // number
  const auto writer = take_last(file);
  const auto pid_text = take_last(file);
  pid_t pid = 0;
  const auto parsed = std::from_chars(pid_text.data(), pid_text.data() + pid_text.size(), pid);
  if (file != node || parsed.ec != std::errc{} || pid <= 0) return false;
  if (pid == ::getpid()) return writer != token();
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

std::string partial_name(const std::string& node) {
  static std::atomic<unsigned> made = 0;
  return fmt::format("{}.{}.{}.{}.partial", node, ::getpid(), token(), ++made);
}

void remove_left_over(const std::string& folder, const std::string& node) {
  for (const auto& file : ArchiveFolder::names_in(folder, ".partial")) {
    if (is_left_over(file, node)) File::remove(folder + "/" + file);
  }
}

}  // namespace understudy
