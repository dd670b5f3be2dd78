// ArchiveChain: an archive as one log that goes on while it is being written: what nodes have added
// is seen when bounds() is asked for again, some seconds later. One thread.
#pragma once

#include "replay/log_chain.h"

#include <memory>
#include <string>

namespace understudy {

class ArchiveChain final : public LogReader {
 public:
  // Throws as open_log_sources() and LogChain do; ConfigError when there is no record in it.
  explicit ArchiveChain(std::string path);

  // As of the last look; valid until the next one.
  [[nodiscard]] LogChain& chain() { return *chain_; }

  // Of the run that holds what is asked for, from now on. False: none does.
  bool select(Seq seq);
  // The newest run that has a record committed by then, else the oldest one.
  void select_time(std::int64_t time_us);

  [[nodiscard]] LogBounds bounds() override;
  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;
  [[nodiscard]] std::optional<Position> position_at(Seq seq) override;
  [[nodiscard]] History history() override;

 private:
  void open();

  std::string path_;
  std::unique_ptr<LogChain> chain_;
  bool is_newest_ = true;  // the run that is selected: it may go on
  std::int64_t opened_at_us_ = 0;
};

}  // namespace understudy
