// LogBytes: how many bytes of a log hold the records after some seq, without reading the log.
//
// Notes now and then how large the log had grown at which seq, and takes records between two notes
// as equally large. Exact at the notes, which are those of the newest appends; the further back,
// the coarser. Bounded. Pure; not thread-safe.
#pragma once

#include "common/backend/backend.h"

#include <vector>

namespace understudy {

class LogBytes {
 public:
  // The log spans these bounds now; `appended` bytes of batches are new since the last note.
  void note(const LogBounds& bounds, std::uint64_t appended);
  // Of the records after `seq`, up to the last one that was noted.
  [[nodiscard]] std::uint64_t after(Seq seq) const;
  // Of so many records that nobody has seen: as large as those of the log are on average.
  [[nodiscard]] std::uint64_t estimate(std::uint64_t records) const;

 private:
  struct Note {
    Seq seq = 0;
    double total = 0;  // bytes up to it, counted from the first note
  };
  static constexpr std::size_t kNotes = 256;

  void begin(const LogBounds& bounds);
  [[nodiscard]] double total_at(Seq seq) const;
  [[nodiscard]] double mean() const;  // bytes a record

  std::vector<Note> notes_;  // ascending
};

}  // namespace understudy
