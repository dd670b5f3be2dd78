// PageSource: whoever owns a live database state (capture thread on a publisher, apply thread on a
// standby) answers questions about it between two transactions. Asked by the serve thread, for
// resync. Requests and answers are values; ask() may be called from any thread and never blocks.
#pragma once

#include "common/core/types.h"

#include <functional>

namespace understudy {

// One group of pages [first, first + count), as the asking standby has them.
struct PageRequest {
  PageNo first = 0;
  PageNo count = 0;
  // The asker's hashes of these pages, in order; empty: it has none, send all. May be shorter
  // than count when its database is.
  std::vector<PageHash> known;
};

struct PageAnswer {
  Position as_of;  // state that the answer is taken from
  std::uint32_t page_size = 0;
  PageNo page_count = 0;  // of the database as of then; pages beyond it do not exist
  PageNo first = 0;
  PageNo count = 0;
  std::vector<PageNo> pages;  // those that differ, ascending
  Bytes contents;             // theirs, page_size bytes each, in order
};

// What a standby needs to begin a resync.
struct StateOutline {
  Position position;
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
};

class PageSource {
 public:
  virtual ~PageSource() = default;
  // Called back on the owner's thread (so: hand the answer over, do not work there). Nullopt: not
  // now (starting, scanning, resyncing itself); ask again later.
  virtual void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) = 0;
  // The latest outline; nullopt while there is no state to serve. Thread-safe.
  [[nodiscard]] virtual std::optional<StateOutline> outline() const = 0;
};

}  // namespace understudy
