#include "replay/log_sources.h"

#include "common/archive/archive_log.h"
#include "common/archive/archive_plan.h"
#include "common/backend/backend_file.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/node/state_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);

class Opening {
 public:
  LogSources open(const std::vector<std::string>& paths) {
    for (const auto& path : paths) add(path);
    std::ranges::stable_sort(found_.snapshots, {}, [](const SnapshotEntry& each) {
      return std::pair(each.footer.position.seq, each.footer.position.epoch);
    });
    return std::move(found_);
  }

 private:
  void add(const std::string& path) {
    if (!fs::exists(path)) throw ConfigError(fmt::format("there is no {}", path));
    if (fs::is_directory(path)) {
      add_folder(path);
    } else if (fs::path(path).extension() == ".snapshot") {
      add_snapshot(path);
    } else {
      add_file(path);
    }
  }

  void add_folder(const std::string& path) {
    const StateDirectory directory(path);
    const ArchiveFolder archive(path);
    if (archive.is_archive()) {
      add_archive(archive);
    } else if (sqlite_backend_exists(directory.backend())) {
      add_backend(directory.backend());
      for (auto& entry : list_snapshots(path + "/snapshots")) add(std::move(entry));
    } else if (fs::exists(directory.identity())) {
      throw ConfigError(fmt::format(
          "the node of {} has no log yet: its log begins with its first scan or copy", path));
    } else {
      throw ConfigError(fmt::format(
          "{} is neither a node's state directory (it has no backend.db) nor an archive", path));
    }
  }

  void add_archive(const ArchiveFolder& folder) {
    for (auto& run : join_segments(folder.segments())) {
      const auto name =
          fmt::format("{} (records {} to {})", folder.path(), run.front().first, run.back().last);
      try {
        auto log = std::make_unique<ArchiveLog>(folder, std::move(run));
        add(LogSource{name, log->stream(), std::move(log)});
      } catch (const CorruptionError& error) {
        throw CorruptionError(fmt::format(
            "{}; see: understudy log {} check. What is before it can be had once the file is moved "
            "elsewhere",
            error.what(), folder.path()));
      }
    }
    for (auto& entry : list_snapshots(folder.snapshots_folder())) add(std::move(entry));
  }

  void add_snapshot(const std::string& path) {
    const auto reader = open_snapshot(path);
    add(SnapshotEntry{path, reader->header(), reader->footer(), fs::file_size(path)});
  }

  void add_file(const std::string& path) {
    if (!is_sqlite_file(path)) {
      throw ConfigError(
          fmt::format("{} is no log: neither a backend.db, nor a state directory, nor an archive, "
                      "nor a snapshot",
                      path));
    }
    add_backend(path);
  }

  void add_backend(const std::string& path) {
    if (!is_backend(path)) throw ConfigError(describe_other_database(path));
    add(LogSource{path, stream_of_sqlite_backend(path), open_sqlite_log_reader(path)});
  }

  void add(LogSource log) {
    check_stream(log.name, log.stream);
    found_.logs.push_back(std::move(log));
  }

  void add(SnapshotEntry entry) {
    check_stream(entry.path, entry.header.stream);
    found_.snapshots.push_back(std::move(entry));
  }

  void check_stream(const std::string& name, const StreamId& stream) {
    if (first_.empty()) {
      first_ = name;
      stream_ = stream;
    } else if (stream != stream_) {
      throw ConfigError(fmt::format(
          "{} and {} are of two different databases: the first is of stream {}, the second of {}",
          first_, name, stream_.to_string(), stream.to_string()));
    }
  }

  static bool is_sqlite_file(const std::string& path) {
    std::array<std::byte, kSqliteMagic.size()> head{};
    const auto size = File(path, File::Mode::read_only).read(0, head);
    return size == head.size() && std::ranges::equal(head, std::as_bytes(std::span(kSqliteMagic)));
  }

  // By its own mark, wherever it lies and whatever its name.
  static bool is_backend(const std::string& path) {
    return reporting_damage(path, [&] {
      Connection connection(path, Connection::Mode::read_only, kBusyTimeout_ms);
      return connection.query_integer("PRAGMA application_id") == kBackendApplicationId;
    });
  }

  static std::string describe_other_database(const std::string& path) {
    const auto beside = StateDirectory::default_path(path);
    if (sqlite_backend_exists(StateDirectory(beside).backend())) {
      return fmt::format("{} is a database, not its log; the log is in {}", path, beside);
    }
    return fmt::format("{} is an SQLite database, but no backend.db of understudy", path);
  }

  static constexpr int kBusyTimeout_ms = 5000;

  LogSources found_;
  std::string first_;  // the first thing found, which names the stream
  StreamId stream_;
};

}  // namespace

LogSources open_log_sources(const std::vector<std::string>& paths) {
  return Opening().open(paths);
}

}  // namespace understudy
