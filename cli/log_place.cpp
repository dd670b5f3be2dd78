#include "cli/log_place.h"

#include "cli/describe_logs.h"
#include "common/archive/archive_folder.h"
#include "common/core/errors.h"
#include "common/node/identity.h"
#include "replay/archive_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

LogPlace place_of_node(const std::string& folder) {
  const StateDirectory directory(folder);
  LogPlace place;
  place.backend = directory.backend();
  place.snapshots = directory.snapshots();
  const auto identity = load_identity(directory);
  if (!identity) return place;
  const auto database = database_path(directory, *identity);
  if (fs::exists(database)) place.database = database;
  return place;
}

LogPlace place_of_folder(const std::string& path) {
  const ArchiveFolder archive(path);
  if (!archive.is_archive()) return place_of_node(path);
  LogPlace place;
  place.archive = path;
  place.snapshots = archive.snapshots_folder();
  return place;
}

// The run of an archive that the command asks for; what else there is, is said.
void select_run(ArchiveChain& archive, const LogCommand& command) {
  const auto& gaps = archive.chain().gaps();
  for (const auto& gap : gaps) {
    fmt::print(stderr, "understudy: the archive lacks records {} to {}\n", gap.after.seq + 1,
               gap.next - 1);
  }
  if (command.action == LogAction::show) {
    (void)archive.select(command.seq);
  } else if (command.from && command.from->seq) {
    (void)archive.select(*command.from->seq);
  } else if (command.from) {
    archive.select_time(*command.from->time_us);
  }
}

LogSource open_archive(const LogPlace& place, const LogCommand& command) {
  auto archive = std::make_unique<ArchiveChain>(place.archive);
  describe_left_out(archive->chain());
  select_run(*archive, command);
  const auto stream = archive->chain().stream();
  return {place.archive, stream, std::move(archive)};
}

}  // namespace

LogPlace find_log_place(const std::string& source) {
  if (!fs::exists(source)) throw ConfigError(fmt::format("there is no {}", source));
  if (fs::is_directory(source)) return place_of_folder(source);
  const fs::path path(source);
  LogPlace alone;
  if (path.extension() == ".snapshot") {
    alone.snapshot = source;
    return alone;
  }
  const auto beside = StateDirectory::default_path(source);
  if (sqlite_backend_exists(StateDirectory(beside).backend())) return place_of_node(beside);
  const auto folder = fs::absolute(path).parent_path().string();
  if (path.filename() == "backend.db") {
    auto place = place_of_node(folder);
    place.backend = source;
    return place;
  }
  alone.backend = source;
  return alone;
}

LogSource open_log(const LogPlace& place, const LogCommand& command) {
  if (!place.archive.empty()) return open_archive(place, command);
  if (place.backend.empty()) {
    throw ConfigError(
        fmt::format("{} is a snapshot: it can be checked, but has no log to show", place.snapshot));
  }
  // A state directory without a log gets the words that restore has for it.
  const bool is_there = fs::exists(place.backend);
  auto sources =
      open_log_sources({is_there ? place.backend : fs::path(place.backend).parent_path().string()});
  return std::move(sources.logs.at(0));
}

std::vector<std::string> snapshot_files(const LogPlace& place) {
  if (!place.snapshot.empty()) return {place.snapshot};
  std::vector<std::string> files;
  if (place.snapshots.empty() || !fs::exists(place.snapshots)) return files;
  for (const auto& entry : fs::directory_iterator(place.snapshots)) {
    if (entry.path().extension() == ".snapshot") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace understudy
