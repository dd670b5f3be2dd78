// The command `snapshot`: handed to whichever role runs.
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "takeover/supervisor.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

CommandResult ended(CommandResult::Outcome outcome, std::string text) {
  return {outcome, std::move(text), {}, {}};
}

CommandResult describe(const SnapshotEntry& entry) {
  const auto& footer = entry.footer;
  return {CommandResult::Outcome::done,
          fmt::format("{}: position {}, {}", entry.path, footer.position.to_string(),
                      format_bytes(entry.bytes)),
          {},
          footer.position};
}

}  // namespace

CommandResult Supervisor::snapshot(const std::string& output) {
  using Outcome = CommandResult::Outcome;
  if (!output.empty() && !std::filesystem::path(output).is_absolute()) {
    return ended(Outcome::refused, "the output is to be an absolute path: " + output);
  }
  std::error_code ignored;
  if (!output.empty() && std::filesystem::exists(output, ignored)) {
    return ended(Outcome::refused, output + " exists; name another file, or remove it first");
  }
  std::shared_ptr<SnapshotKeeper> keeper;
  {
    const std::lock_guard lock(mutex_);
    if (publisher_) keeper = publisher_->snapshots();
    if (subscriber_ != nullptr) keeper = subscriber_->snapshots();
  }
  if (keeper == nullptr) {
    return ended(Outcome::refused, "the node has no log yet, or is changing its role; try again");
  }
  try {
    const auto taken = keeper->take(output);
    if (const auto* entry = std::get_if<SnapshotEntry>(&taken)) return describe(*entry);
    return ended(Outcome::failed, "no snapshot was made: " + std::get<SnapshotDropped>(taken).text);
  } catch (const std::exception& error) {
    return ended(Outcome::failed, std::string("no snapshot was made: ") + error.what());
  }
}

}  // namespace understudy
