// See standby.h.
#include "standby.h"

#include <doctest/doctest.h>

#include <filesystem>

namespace understudy::test {

Standby::Standby(const std::string& dir, const StreamId& stream) {
  options_.path = dir + "/replica.db";
  options_.state_dir = dir + "/state";
  options_.stream = stream;
  std::filesystem::create_directories(options_.state_dir);
}

StageOptions Standby::stage_options() const {
  StageOptions stage;
  stage.state_dir = options_.state_dir;
  stage.overlay_bytes = options_.overlay_bytes;
  return stage;
}

void Standby::copy_from(Recorder& primary) {
  write_file(options_.path, primary.image());
}

Located Standby::open_and_locate(Recorder& primary) {
  open();
  const auto log = primary.log();
  return replica_->locate(*log, {});
}

FeedResult Standby::feed(const std::vector<Bytes>& parts) {
  FeedResult result;
  RecordPart part;
  for (const auto& bytes : parts) {
    ByteView rest(bytes);
    REQUIRE(decode_part(rest, part));
    result = replica_->feed(part);
    if (!result.is_accepted()) break;
  }
  return result;
}

void Standby::apply_to(Recorder& primary, Seq seq, Seq merge) {
  for (auto at = replica_->position().seq + 1; at <= seq; ++at) {
    const auto fed = feed(primary.parts(at));
    REQUIRE_MESSAGE(fed.is_accepted(), fed.reason);
    if (at % merge != 0 && at != seq) continue;
    const auto prepared = replica_->prepare();
    REQUIRE_MESSAGE(prepared.is_accepted(), prepared.reason);
    replica_->publish();
    replica_->upkeep(false);
  }
}

Bytes Standby::checkpointed_image() {
  close();
  sqlite3_program(options_.path, "PRAGMA wal_checkpoint(TRUNCATE)");
  return read_file(options_.path);
}

}  // namespace understudy::test
