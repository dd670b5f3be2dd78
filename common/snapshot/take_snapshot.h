// take_snapshot: copies the state behind a PageSource into a snapshot file, beside whoever writes
// to the database (docs/decisions/0013-snapshots-without-a-pin.md).
//
// Invariants
//  - Nothing is pinned: one group of pages is asked for at a time, between two transactions.
//  - What gets the name was proved while it was written: the hashes of the pages, moved on by the
//    records in the file, sum up to the state sum of the position. Else there is no file.
//  - Memory: two groups, one read of the log, 8 bytes a page.
//
// Called on any one thread; the PageSource answers on its own.
#pragma once

#include "common/backend/backend.h"
#include "common/serving/page_source.h"
#include "common/snapshot/snapshot.h"

#include <chrono>
#include <functional>
#include <variant>

namespace understudy {

struct SnapshotTask {
  StreamId stream;
  std::string partial;  // the file beside; a leftover of it is removed
  // The name it gets. Asked once, when the position is known.
  std::function<std::string(const Position&)> name;
  // Asked often; true: give up.
  std::function<bool()> is_cancelled = [] { return false; };
  // Bytes of pages that are copied, and how many there are. Called after each group.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = [](auto, auto) {};
  // Of the log; its records after it are still needed. Called once, before the first page.
  std::function<void(Seq first_as_of)> began = [](Seq) {};
  // How long the database may be without a state that can be read, or its log behind it.
  std::chrono::milliseconds patience{30'000};
  std::string vfs = {};
};

// No file was made.
struct SnapshotDropped {
  enum class Why {
    cancelled,
    not_now,    // no state to be read for longer than the patience
    overtaken,  // the log was trimmed or rewound meanwhile
    proved_wrong,
    name_taken,
  };
  Why why = Why::cancelled;
  std::string text;  // for people
};

// Throws IoError; CorruptionError when the log is damaged.
std::variant<SnapshotEntry, SnapshotDropped> take_snapshot(PageSource& pages, LogReader& log,
                                                           const SnapshotTask& task);

}  // namespace understudy
