#include "common/orphans/orphans.h"

#include "common/backend/log_walk.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/record/page_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

struct Found {
  std::string path;
  OrphansKind kind = OrphansKind::nothing;
};

Found find(const std::string& folder, const std::string& name) {
  const auto file = name.ends_with(".db") ? name : name + ".db";
  const auto path = folder + "/" + file;
  const bool is_plain = fs::path(file).filename() == file;
  if (!is_plain || !File::exists(path)) {
    throw ConfigError(fmt::format("there are no orphans '{}' in {}", name, folder));
  }
  return {path, recognise_orphans(path)};
}

std::unique_ptr<LogReader> open_log(const Found& found) {
  if (found.kind == OrphansKind::whole_log) return open_sqlite_log_reader(found.path);
  return open_orphans_log(found.path);
}

std::uint64_t count(Connection& connection, const char* sql) {
  return static_cast<std::uint64_t>(connection.query_integer(sql).value_or(0));
}

void describe_records(OrphansSummary& summary) {
  Connection connection(summary.path, Connection::Mode::read_only);
  const auto head = read_head(connection);
  if (!head) throw CorruptionError(summary.path + " lost its row in table orphans");
  summary.stream = head->stream;
  summary.node = head->node;
  summary.fork = head->fork;
  summary.last = head->last;
  summary.pages = count(connection, "SELECT count(*) FROM page");
  summary.pages_unknown = count(connection, "SELECT count(*) FROM page WHERE content IS NULL");
  summary.kept_us = head->kept_us;
  summary.why = head->why;
}

void describe_whole_log(OrphansSummary& summary) {
  const auto log = open_sqlite_log_reader(summary.path);
  const auto bounds = log->bounds();
  summary.fork = bounds.base;
  summary.last = bounds.last;
  const auto blobs = log->read({bounds.first_seq(), 0}, 1);
  if (const auto batch = blobs.empty() ? std::nullopt : BatchView::parse(blobs.front())) {
    summary.stream = batch->header.stream;
  }
  summary.why = "the log did not fit the primary's: all of it was put aside";
}

std::optional<OrphansSummary> describe(const fs::directory_entry& entry) {
  OrphansSummary summary;
  summary.path = entry.path().string();
  summary.name = entry.path().stem().string();
  try {
    summary.kind = recognise_orphans(summary.path);
    if (summary.kind == OrphansKind::nothing) return std::nullopt;
    summary.bytes = entry.file_size();
    if (summary.kind == OrphansKind::records) {
      describe_records(summary);
    } else {
      describe_whole_log(summary);
    }
    summary.records = summary.last.seq - summary.fork.seq;
  } catch (const Error& error) {
    summary.problem = error.what();
  }
  return summary;
}

void walk(LogReader& log, const std::string& path,
          const std::function<bool(const RecordPart&)>& visit) {
  const auto bounds = log.bounds();
  const auto walked = walk_log(log, bounds.base.seq, bounds.last.seq, visit);
  if (walked == LogWalk::complete || walked == LogWalk::stopped) return;
  throw CorruptionError(path + " is damaged: its records are not whole");
}

// Contents that an orphans file holds already; a whole log holds none.
class KeptPages {
 public:
  explicit KeptPages(const Found& found)
      : connection_(found.path, Connection::Mode::read_only),
        has_pages_(found.kind == OrphansKind::records) {
    if (has_pages_) {
      get_.emplace(connection_.prepare("SELECT content FROM page WHERE pgno = ?1"));
    }
  }

  bool read(PageNo page, std::span<std::byte> to) {
    if (!has_pages_) return false;
    get_->bind(1, std::int64_t{page});
    const bool fits = get_->step() && get_->blob(0).size() == to.size();
    if (fits) std::ranges::copy(get_->blob(0), to.begin());
    get_->reset();
    return fits;
  }

 private:
  Connection connection_;
  bool has_pages_;
  std::optional<Statement> get_;
};

// The tables that OrphanPages fills, and then those that the user gets.
constexpr const char* kWorkTables =
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; BEGIN;"
    "CREATE TEMP TABLE record (seq INTEGER PRIMARY KEY, epoch, kind, time_us, pages, bytes);"
    "CREATE TEMP TABLE page (pgno INTEGER PRIMARY KEY, seq, hash, content)";
constexpr const char* kExport =
    "CREATE TABLE main.record (seq INTEGER PRIMARY KEY, epoch INTEGER, time TEXT, pages INTEGER,"
    " bytes INTEGER);"
    "CREATE TABLE main.page (seq INTEGER, pgno INTEGER PRIMARY KEY, content BLOB);"
    "INSERT INTO main.record SELECT seq, epoch, strftime('%Y-%m-%dT%H:%M:%SZ', time_us / 1000000,"
    " 'unixepoch'), pages, bytes FROM temp.record;"
    "INSERT INTO main.page SELECT seq, pgno, content FROM temp.page WHERE content IS NOT NULL;"
    "COMMIT";

ExportedOrphans write_export(const Found& found, const std::string& target) {
  const auto log = open_log(found);
  KeptPages kept(found);
  Connection connection(target, Connection::Mode::create);
  connection.execute(kWorkTables);
  const auto bounds = log->bounds();
  OrphanPages pages(connection, *log, bounds.base.seq, bounds.last.seq);
  pages.add_records();
  pages.add_contents(
      [&](PageNo page, std::span<std::byte> content) { return kept.read(page, content); });
  const auto unknown = count(connection, "SELECT count(*) FROM temp.page WHERE content IS NULL");
  connection.execute(kExport);
  return {.records = bounds.last.seq - bounds.base.seq,
          .pages = count(connection, "SELECT count(*) FROM main.page"),
          .pages_unknown = unknown};
}

}  // namespace

std::vector<OrphansSummary> list_orphans(const std::string& folder) {
  std::vector<OrphansSummary> summaries;
  if (!fs::exists(folder)) return summaries;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".db") continue;
    if (auto summary = describe(entry)) summaries.push_back(std::move(*summary));
  }
  std::ranges::sort(summaries, {}, &OrphansSummary::name);
  return summaries;
}

void show_orphans(const std::string& folder, const std::string& name,
                  const std::function<bool(const RecordSummary&)>& visit) {
  const auto found = find(folder, name);
  const auto log = open_log(found);
  RecordSummer summer;
  walk(*log, found.path, [&](const RecordPart& part) {
    const auto* record = summer.add(part);
    return record == nullptr || visit(*record);
  });
}

History history_of_orphans(const std::string& folder, const std::string& name) {
  return open_log(find(folder, name))->history();
}

ExportedOrphans export_orphans(const std::string& folder, const std::string& name,
                               const std::string& target) {
  const auto found = find(folder, name);
  if (File::exists(target)) throw ConfigError(target + " exists; choose another file");
  try {
    return write_export(found, target);
  } catch (const Error&) {
    std::error_code ignored;  // what was written is no export, and was not there before
    fs::remove(target + "-journal", ignored);
    fs::remove(target, ignored);
    throw;
  }
}

void discard_orphans(const std::string& folder, const std::string& name) {
  const auto found = find(folder, name);
  // Of a whole log the WAL goes first: without the file it could be taken for another's.
  std::error_code none_there;
  for (const auto* suffix : {"-wal", "-shm", "-journal"}) {
    fs::remove(found.path + suffix, none_there);
  }
  File::remove(found.path);
}

}  // namespace understudy
