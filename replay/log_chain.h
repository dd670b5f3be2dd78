// LogChain: several logs of one stream, joined to one by epoch and seq. Rotated archives, backends
// of different nodes, with overlaps.
//
// Which branch counts: the history with the highest epoch. Records that another log has beyond the
// last one that it shares with that history are superseded, and left out (superseded() names
// them). Two histories that opened the same epoch each on its own are a fork: nobody but an
// operator can say which counts. Invariant: what the chain gives out is one unbroken run in which
// each record starts from the state that the one before it led to.
//
// One thread. Itself a LogReader, so that whatever walks a log walks a chain.
#pragma once

#include "replay/log_sources.h"

namespace understudy {

struct LogGap {
  Position after;  // the last position before the gap
  Seq next = 0;    // the first record after it
};

class LogChain final : public LogReader {
 public:
  // Throws ConfigError for a fork: it names both branches, with node, epoch, first seq and source.
  explicit LogChain(std::vector<LogSource> sources);
  ~LogChain() override;

  [[nodiscard]] const StreamId& stream() const;
  // Where records are missing between the first and the last; bounds() ends at the first of them
  // that lies behind what select() asked for.
  [[nodiscard]] const std::vector<LogGap>& gaps() const;
  struct Superseded {
    std::string source;
    Position from;  // the last record that is shared
    Position last;
  };
  [[nodiscard]] const std::vector<Superseded>& superseded() const;
  // The unbroken run that covers the records after `seq` is the one that the LogReader's methods
  // speak of from now on (at first: the newest). False: no run covers it.
  bool select(Seq seq);

  [[nodiscard]] LogBounds bounds() override;
  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;
  [[nodiscard]] std::optional<Position> position_at(Seq seq) override;
  [[nodiscard]] History history() override;

 private:
  struct Run;
  std::vector<LogSource> sources_;
  std::vector<std::unique_ptr<Run>> runs_;
};

}  // namespace understudy
