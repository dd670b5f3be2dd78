#include "common/orphans/move_log_aside.h"

#include "common/backend/backend.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/core/heartbeat.h"
#include "common/file/new_name.h"
#include "common/logging/log.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kAgain{20};
constexpr std::int64_t kTellAfter_us = 5'000'000;

// False: stopping.
bool fold(const std::string& path, const std::function<bool()>& is_stopping) {
  const auto began_us = monotonic_time_us();
  bool is_told = false;
  while (!fold_sqlite_backend(path)) {
    if (is_stopping()) return false;
    if (!is_told && monotonic_time_us() - began_us > kTellAfter_us) {
      is_told = true;
      log::warning(
          "log_in_use",
          "the log is to be put aside, and waits: another program keeps reading an earlier "
          "state of it, or the disk is full",
          {{"file", path}});
    }
    std::this_thread::sleep_for(kAgain);
  }
  return true;
}

}  // namespace

std::optional<std::string> move_log_aside(const std::string& path, const Position& last,
                                          const std::string& folder,
                                          const std::function<bool()>& is_stopping) {
  const heartbeat::LongWork work;  // as long as the log is large, and others read
  fs::create_directories(folder);
  if (!fold(path, is_stopping)) return std::nullopt;
  // What is left of the WAL says nothing that the file does not say.
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code error;
    fs::remove(path + suffix, error);
    if (error) throw IoError("remove", path + suffix, error.value());
  }
  failure_point("aside_folded");
  const auto kept = fmt::format("{}/{}-{}-{}.db", folder, last.epoch, last.seq, unix_time_us());
  std::error_code error;
  fs::rename(path, kept, error);
  if (error) throw IoError("move aside", path, error.value());
  failure_point("aside_moved");
  // Both folders, before a new log takes the old one's name.
  sync_folder_of(kept);
  sync_folder_of(path);
  return kept;
}

}  // namespace understudy
