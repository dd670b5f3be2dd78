// ToyLog: the durable log of a node, kept in memory by the rules of common/backend/backend.h. An
// append is durable when it returns; what a crash loses is what was not appended yet.
#pragma once

#include "common/backend/backend.h"
#include "tests/simulation/toy_pages.h"

#include <deque>
#include <map>

namespace understudy::sim {

class ToyLog {
 public:
  ToyLog(const StreamId& stream, const Position& base, const History& history);

  [[nodiscard]] LogBounds bounds() const { return bounds_; }
  [[nodiscard]] const History& history() const { return history_; }
  void append(Bytes blob);  // throws Broken when it does not go on from the end
  void drop_open_tail();
  void reset(const Position& base, const History& history);  // throws Broken when they do not fit
  // Drops the oldest `batches` whole batches, but no record > keep_after.
  void trim(std::size_t batches, Seq keep_after);
  // Takes back all records > seq, and the epochs that they opened.
  void rewind(Seq seq);

  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes) const;
  [[nodiscard]] std::optional<Position> position_at(Seq seq) const;
  [[nodiscard]] const StreamId& stream() const { return stream_; }

 private:
  struct Stored {
    BatchHeader header;
    Bytes blob;
  };
  void cut_back_to(Seq seq);

  StreamId stream_;
  LogBounds bounds_;
  History history_;
  std::deque<Stored> batches_;
  std::map<Seq, Position> positions_;  // base … last
};

class ToyReader : public LogReader {
 public:
  explicit ToyReader(const std::optional<ToyLog>& log) : log_(log) {}
  LogBounds bounds() override { return log_->bounds(); }
  std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override {
    return log_->read(from, max_bytes);
  }
  std::optional<Position> position_at(Seq seq) override { return log_->position_at(seq); }
  History history() override { return log_->history(); }

 private:
  const std::optional<ToyLog>& log_;
};

}  // namespace understudy::sim
