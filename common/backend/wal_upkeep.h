// The backend's own WAL: moved into the file, restarted, bounded.
//
// SQLite up to 3.51.2 can lose commits when a checkpoint starts while another connection resets the
// WAL: the checkpointer, which read the header before, publishes a count of backfilled frames that
// belongs to the generation before. So a checkpoint here always runs under a read transaction of a
// third connection. That one holds either a READ(1..4) lock, and then nobody can reset the WAL; or
// READ(0), and then a reset may happen, but the checkpointer cannot get READ(0) exclusive, and
// moves nothing. The same holds whatever other processes do to the file.
//
// The WAL is reset by the first append after everything was moved. While appends go on without a
// pause a checkpoint beside them never quite catches up; hence two steps: the bulk in any thread,
// the short rest in the appending one, between two appends.
#pragma once

#include "common/backend/backend.h"
#include "common/sqlite/connection.h"

#include <atomic>

namespace understudy {

// Frames of the WAL's present generation. Written by the appending thread (written) and whoever
// checkpoints (moved); both are estimates that only steer when to do upkeep.
struct WalProgress {
  std::atomic<std::uint32_t> written{0};
  std::atomic<std::uint32_t> moved{0};
  [[nodiscard]] std::uint32_t backlog() const;
};

class WalUpkeep final : public Upkeep {
 public:
  WalUpkeep(const std::string& path, const std::string& vfs, std::shared_ptr<WalProgress> progress);
  void run() override;
  // A rest of so many frames takes a few hundred microseconds, and need not be moved beforehand.
  static constexpr std::uint32_t kShortRestFrames = 128;

 private:
  void run_once();

  std::string path_;
  Connection worker_;
  Connection holder_;
  Statement hold_;
  Statement look_;
  Statement release_;
  std::shared_ptr<WalProgress> progress_;
};

}  // namespace understudy
