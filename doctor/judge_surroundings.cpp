// Disks, files that options name, and the machine.
#include "common/logging/progress.h"
#include "doctor/judge.h"

#include <fmt/format.h>

namespace understudy::doctor {
namespace {

constexpr double kSlowSync_ms = 50;
constexpr std::uint64_t kFewInodes = 1000;
constexpr std::uint64_t kFewFiles = 1024;

Finding judge_space(const DiskFacts& facts) {
  const auto text = fmt::format("{} free for {}", format_bytes(facts.free_bytes), facts.what);
  if (facts.total_inodes > 0 && facts.free_inodes < kFewInodes) {
    return {"disk", Mark::problem,
            fmt::format("{} files can still be made for {}", facts.free_inodes, facts.what),
            "the file system is out of inodes: remove small files"};
  }
  if (facts.free_bytes < facts.wanted_bytes / 8) {
    return {"disk", Mark::problem,
            text + fmt::format("; up to {} may be needed", format_bytes(facts.wanted_bytes)),
            "make space, or lower --keep-bytes and --wal-limit"};
  }
  if (facts.free_bytes < facts.wanted_bytes) {
    return {"disk", Mark::warning,
            text + fmt::format("; up to {} may be needed", format_bytes(facts.wanted_bytes)),
            "make space, or lower --keep-bytes and --wal-limit"};
  }
  return {"disk", Mark::ok, text, {}};
}

Finding judge_file_system(const DiskFacts& facts) {
  if (!facts.network_name.empty() && facts.holds_database) {
    return {"disk", Mark::problem,
            fmt::format("{} is on {}, a network file system: {}", facts.what, facts.network_name,
                        facts.folder),
            "SQLite's shared memory does not work there: put it on a local disk"};
  }
  if (facts.is_read_only) {
    return {"disk", Mark::problem,
            fmt::format("{} is on a read-only file system: {}", facts.what, facts.folder),
            "mount it for writing"};
  }
  if (!facts.may_write) {
    return {"disk", Mark::problem,
            fmt::format("user {} may not write into {} (of user {}), where {} is", facts.asker,
                        facts.folder, facts.owner, facts.what),
            "run the node as the user that owns it, or give that user the right"};
  }
  if (facts.is_memory) {
    return {"disk", Mark::warning,
            fmt::format("{} is in memory (tmpfs): {}", facts.what, facts.folder),
            "it is lost with the power, and so is what was promised to be durable: use a disk"};
  }
  return {"disk",
          Mark::ok,
          fmt::format("{} is in {}, {} and writable", facts.what, facts.folder,
                      facts.network_name.empty() ? "local" : facts.network_name),
          {}};
}

}  // namespace

std::string_view to_string(Mark mark) {
  switch (mark) {
    case Mark::ok:
      return "ok";
    case Mark::note:
      return "note";
    case Mark::warning:
      return "warning";
    case Mark::problem:
      break;
  }
  return "problem";
}

Findings judge(const DiskFacts& facts) {
  if (!facts.exists) {
    return {{"disk", Mark::problem,
             fmt::format("there is no folder {} for {}", facts.folder, facts.what), "create it"}};
  }
  Findings found{judge_file_system(facts), judge_space(facts)};
  if (facts.sync_ms) {
    const auto text = fmt::format("an fsync takes {:.1f} ms in {}", *facts.sync_ms, facts.folder);
    const bool is_slow = *facts.sync_ms > kSlowSync_ms;
    found.push_back(
        {"disk", is_slow ? Mark::warning : Mark::ok, text,
         is_slow ? "standbys lag by at least that; use a faster disk for the state" : ""});
  }
  return found;
}

Findings judge(const FileFacts& facts) {
  if (!facts.exists || !facts.may_read) {
    return {{"files", Mark::problem,
             fmt::format("--{} {}: {}", facts.option, facts.path,
                         facts.exists ? "it may not be read" : "there is no such file"),
             "the node does not start without it"}};
  }
  if (facts.is_secret && (facts.mode & 077) != 0) {
    return {
        {"files", Mark::problem,
         fmt::format("--{} {}: others may read it (mode {:03o})", facts.option, facts.path,
                     facts.mode),
         fmt::format("chmod 600 {}, and make a new key if others may have seen it", facts.path)}};
  }
  return {{"files", Mark::ok, fmt::format("--{} {}", facts.option, facts.path), {}}};
}

Findings judge(const MachineFacts& facts) {
  Findings found;
  if (facts.is_clock_synchronized && !*facts.is_clock_synchronized) {
    found.push_back(
        {"machine", Mark::warning, "the clock is not kept right by NTP",
         "lags in seconds, and restoring to a time, are as wrong as the clocks: run chrony "
         "or systemd-timesyncd"});
  } else if (facts.is_clock_synchronized) {
    found.push_back({"machine", Mark::ok, "the clock is kept right by NTP", {}});
  }
  found.push_back(
      {"machine", facts.processors < 2 ? Mark::note : Mark::ok,
       fmt::format("{} processors", facts.processors),
       facts.processors < 2 ? "application and node share one: leave --nice as it is" : ""});
  if (facts.open_files_limit < kFewFiles) {
    found.push_back(
        {"machine", Mark::warning, fmt::format("{} open files at most", facts.open_files_limit),
         "a node with many standbys and clients needs more: LimitNOFILE=65536 in its unit"});
  }
  return found;
}

}  // namespace understudy::doctor
