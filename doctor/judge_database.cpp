// The database: its header, its WAL, who keeps it from going on.
#include "common/logging/progress.h"
#include "doctor/judge.h"

#include <fmt/format.h>

namespace understudy::doctor {
namespace {

constexpr const char* kSubject = "database";
constexpr std::uint32_t kManyFrames = 20'000;  // five times where a window is opened

std::string version_text(int version) {
  return fmt::format("{}.{}.{}", version / 1'000'000, version / 1000 % 1000, version % 1000);
}

Finding judge_journal(const DatabaseFacts& facts) {
  if (facts.is_wal) {
    return {kSubject,
            Mark::ok,
            fmt::format("{} is in WAL mode, pages of {} bytes", facts.path, facts.page_size),
            {}};
  }
  return {kSubject, Mark::problem, fmt::format("{} is not in WAL mode", facts.path),
          "PRAGMA journal_mode=WAL once, in any connection; or start the node with --enable-wal"};
}

Finding judge_version(const char* who, int version) {
  if (!has_wal_reset_bug(version)) {
    return {kSubject, Mark::ok, fmt::format("{} SQLite {}", who, version_text(version)), {}};
  }
  return {kSubject, Mark::note,
          fmt::format("{} SQLite {}, which has the WAL-reset bug (3.7.0 to 3.51.2)", who,
                      version_text(version)),
          "a running publisher keeps it from happening; without one, let no second program run "
          "checkpoints, or update SQLite in the application"};
}

}  // namespace

bool has_wal_reset_bug(int version) {
  return version >= 3'007'000 && version <= 3'051'002;
}

Findings judge(const DatabaseFacts& facts) {
  if (!facts.exists) {
    if (facts.role == NodeRole::standby) {
      return {{kSubject,
               Mark::ok,
               fmt::format("{} is not there yet: the standby makes it", facts.path),
               {}}};
    }
    return {{kSubject, Mark::problem, fmt::format("there is no {}", facts.path),
             "name the application's database, or start the application once so that it makes it"}};
  }
  if (!facts.unreadable.empty()) {
    return {{kSubject, Mark::problem, fmt::format("{}: {}", facts.path, facts.unreadable),
             "run the node, and the doctor, as the user that the application runs as"}};
  }
  if (!facts.is_sqlite) {
    return {{kSubject, Mark::problem, fmt::format("{} is no SQLite database", facts.path),
             "name the database itself; an encrypted one cannot be replicated"}};
  }
  Findings found{judge_journal(facts)};
  if (facts.is_wal && facts.exclusive_holder) {
    found.push_back(
        {kSubject, Mark::problem,
         fmt::format("process {} holds it in locking mode EXCLUSIVE", *facts.exclusive_holder),
         "PRAGMA locking_mode=NORMAL in the application: nobody can attach otherwise"});
  }
  if (facts.writer_version != 0) {
    found.push_back(judge_version("last written by", facts.writer_version));
  }
  found.push_back(judge_version("read here by", facts.own_version));
  return found;
}

Findings judge_wal(const DatabaseFacts& facts) {
  constexpr const char* kWal = "WAL";
  if (!facts.is_wal) return {};
  Findings found;
  const auto text = fmt::format("{}, {} of {} frames are in the database already",
                                format_bytes(facts.wal_bytes), facts.backfilled, facts.frames);
  const bool is_large = facts.wal_limit_bytes > 0 && facts.wal_bytes > facts.wal_limit_bytes;
  const bool waits = facts.frames > facts.backfilled + kManyFrames;
  if (is_large) {
    found.push_back(
        {kWal, Mark::warning,
         text + fmt::format("; more than the limit of {}", format_bytes(facts.wal_limit_bytes)),
         "the file keeps its size until it begins anew; if it goes on growing, something "
         "keeps checkpoints from ending: see the readers"});
  } else {
    found.push_back(
        {kWal, waits && facts.node_pid == 0 ? Mark::note : Mark::ok, text,
         waits && facts.node_pid == 0 ? "no node runs, and checkpoints lag behind" : ""});
  }
  if (facts.writer && facts.writer->holder != facts.node_pid) {
    found.push_back(
        {kWal, Mark::warning,
         fmt::format("process {} holds a write transaction open", facts.writer->holder),
         "nobody else can write meanwhile, a fence for a switchover neither; let it commit"});
  }
  for (const auto& reader : facts.readers) {
    found.push_back(
        {kWal, Mark::warning,
         fmt::format("process {} keeps reading a state of {} frames ago", reader.holder,
                     facts.frames - reader.mark),
         "checkpoints end there and the WAL grows; look for a SELECT that is not finished "
         "or a transaction that is not ended"});
  }
  return found;
}

}  // namespace understudy::doctor
