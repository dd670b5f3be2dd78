// LogChain: several logs of one stream, joined to one by epoch and seq. Copies of a backend,
// backends of different nodes, with overlaps.
//
// Which branch counts: the history with the highest epoch. Records that another log has beyond the
// last one that it shares with that history are superseded, and left out (superseded() names
// them). Two histories that both end in one epoch, opened by each on its own, are a fork: nobody
// but an operator can say which counts. Invariant: what the chain gives out is one unbroken run in
// which each record starts from the state that the one before it led to.
//
// One thread. Itself a LogReader, so that whatever walks a log walks a chain.
#pragma once

#include "replay/log_sources.h"

namespace understudy {

struct LogGap {
  Position after;  // the last position before the gap
  Seq next = 0;    // the first record after it
};

// Records that a log has behind the last one that it shares with the history that counts.
struct SupersededTail {
  std::string source;
  Seq shared = 0;  // the last record that is shared; 0: none
  Position last;   // where the log ends
};

class LogChain final : public LogReader {
 public:
  // Throws ConfigError for a fork, and where two logs tell one record differently: it names both
  // branches, with node, epoch, seq and source. CorruptionError for a damaged log.
  explicit LogChain(std::vector<LogSource> sources);
  ~LogChain() override;

  // No log at all: then there are no runs, and only the methods up to select() may be called.
  [[nodiscard]] bool is_empty() const { return runs_.empty(); }
  [[nodiscard]] const StreamId& stream() const { return stream_; }
  // Where records are missing between the first and the last, in order.
  [[nodiscard]] const std::vector<LogGap>& gaps() const { return gaps_; }
  [[nodiscard]] const std::vector<SupersededTail>& superseded() const { return superseded_; }
  // All epochs, those of later runs included.
  [[nodiscard]] const History& whole_history() const { return history_; }
  [[nodiscard]] std::size_t run_count() const { return runs_.size(); }
  // The first and the last state of a run; run 0 is the oldest.
  [[nodiscard]] Position run_base(std::size_t run) const;
  [[nodiscard]] Position run_last(std::size_t run) const;
  // The unbroken run that holds the state after `seq` is the one that the LogReader's methods speak
  // of from now on (at first: the newest). False, and nothing changed: no run has it.
  bool select(Seq seq);
  void select_run(std::size_t run);

  [[nodiscard]] LogBounds bounds() override;
  // Parts beyond bounds().last are never given out.
  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;
  [[nodiscard]] std::optional<Position> position_at(Seq seq) override;
  [[nodiscard]] History history() override;

 private:
  // What of one source counts.
  struct Stretch {
    std::size_t source = 0;
    Position base;
    Position last;
  };
  // Records that are taken from one source: those behind the piece before it, as far as last.
  using Run = std::vector<Stretch>;

  void choose_history();
  [[nodiscard]] std::vector<Stretch> keep_what_counts();
  void join(const Stretch& next);
  void check_overlap(const Run& run, const Stretch& next);
  [[noreturn]] void refuse_difference(const Run& run, const Stretch& next, Seq same, Seq different);
  [[nodiscard]] static const Stretch* piece_of(const Run& run, Seq seq);
  [[nodiscard]] std::optional<Position> position_in(const Run& run, Seq seq);
  [[nodiscard]] Position position_in(const Stretch& stretch, Seq seq);
  [[noreturn]] void damaged(const Stretch& piece, Seq seq) const;

  std::vector<LogSource> sources_;
  StreamId stream_;
  History history_;  // the one that counts
  std::vector<Run> runs_;
  std::vector<LogGap> gaps_;
  std::vector<SupersededTail> superseded_;
  std::size_t selected_ = 0;
};

}  // namespace understudy
