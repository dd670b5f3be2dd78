// Standby: a replica under test with its folder, and the steps that each test takes with it.
#pragma once

#include "common/replica/stage.h"
#include "recorder.h"

namespace understudy::test {

class Standby {
 public:
  // The folder for the replica and its state exists after this; nothing in it.
  Standby(const std::string& dir, const StreamId& stream);

  [[nodiscard]] const std::string& path() const { return options_.path; }
  [[nodiscard]] ReplicaOptions& options() { return options_; }
  [[nodiscard]] StageOptions stage_options() const;
  [[nodiscard]] bool is_open() const { return replica_ != nullptr; }
  [[nodiscard]] Replica& replica() { return *replica_; }

  // A copy of the primary's file as of now.
  void copy_from(Recorder& primary);
  void open() { replica_ = std::make_unique<Replica>(options_); }
  Located open_and_locate(Recorder& primary);
  void close() { replica_.reset(); }

  FeedResult feed(const std::vector<Bytes>& parts);
  // Feeds records up to `seq`, `merge` of them in each commit.
  void apply_to(Recorder& primary, Seq seq, Seq merge = 1);
  // After closing: SQLite itself moves the WAL into the file.
  Bytes checkpointed_image();

 private:
  ReplicaOptions options_;
  std::unique_ptr<Replica> replica_;
};

}  // namespace understudy::test
