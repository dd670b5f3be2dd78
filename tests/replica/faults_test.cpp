// The replica on a disk that fails at each call in turn, fills up, and loses what was not synced.
#include "common/core/errors.h"
#include "common/record/page_hash.h"
#include "standby.h"
#include "tests/support/fault_vfs.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <cstdio>
#include <filesystem>

using namespace understudy;
using namespace understudy::test;

namespace {

Recorder make_primary(const Scratch& scratch, int records) {
  RecorderOptions options;
  options.page_size = 1024;
  options.part_bytes = 4096;
  options.change_twice = true;
  Recorder primary(scratch.path(), options);
  for (int i = 1; i <= records; ++i) {
    primary.run("INSERT INTO t(a) VALUES(randomblob(" + std::to_string(i % 7 * 1500) + "))" +
                (i % 11 == 0 ? "; DELETE FROM t WHERE id < 3; VACUUM" : ""));
  }
  return primary;
}

void remove_files(Standby& standby) {
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(standby.path() + suffix);
  }
  std::filesystem::remove_all(standby.options().state_dir);
  std::filesystem::create_directories(standby.options().state_dir);
}

// A reset of the WAL needs 1000 frames, so enough records for one or two.
void live(Standby& standby, Recorder& primary, Seq until) {
  const auto found = standby.open_and_locate(primary);
  REQUIRE(found != Located::diverged);
  standby.apply_to(primary, until, 2);
  standby.replica().save_hashes();
}

void check_equal(Standby& standby, Recorder& primary) {
  CHECK(standby.replica().position() == primary.position());
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
}

}  // namespace

TEST_CASE("the n-th call fails, for every n: the position is found again and all goes on") {
  Scratch scratch;
  auto primary = make_primary(scratch, 16);
  Standby standby(scratch.path(), primary.stream());
  int failures = 0;
  for (const bool for_ever : {false, true}) {
    for (const auto failure : {FaultVfs::Failure::io_error, FaultVfs::Failure::disk_full}) {
      for (std::uint64_t nth = 1;; ++nth) {
        CAPTURE(nth);
        FaultVfs vfs;
        standby.options().vfs = vfs.name();
        standby.options().overlay_bytes = 16 * 1024;
        standby.options().checkpoint_frames = 20;
        remove_files(standby);
        write_file(standby.path(), primary.first_image());
        vfs.fail({.nth = nth, .for_ever = for_ever, .failure = failure});
        bool has_thrown = false;
        try {
          live(standby, primary, 12);
        } catch (const Error&) {
          has_thrown = true;
        }
        standby.close();
        if (!vfs.has_failed()) break;
        ++failures;
        vfs.heal();
        live(standby, primary, 16);
        if (has_thrown) CHECK(standby.replica().durable_position().seq <= 16);
        check_equal(standby, primary);
      }
    }
  }
  std::printf("understudy-count: failed I/O calls of the replica=%ld\n",
              static_cast<long>(failures));
  MESSAGE(failures, " failures");
  CHECK(failures > 100);
}

TEST_CASE("a power cut at any record: a state that was shown, not older than the durable one") {
  Scratch scratch;
  auto primary = make_primary(scratch, 330);
  Standby standby(scratch.path(), primary.stream());
  int rolled_back = 0;
  int resets = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    FaultVfs vfs;
    standby.options().vfs = vfs.name();
    standby.options().checkpoint_frames = 200;
    remove_files(standby);
    write_file(standby.path(), primary.first_image());
    Seq shown = 0;
    for (int cut = 1; cut <= 4; ++cut) {
      REQUIRE(standby.open_and_locate(primary) != Located::diverged);
      CHECK(standby.replica().position().seq <= shown);
      rolled_back += standby.replica().position().seq < shown ? 1 : 0;
      const auto frames = standby.replica().wal_usage().frames;
      standby.apply_to(primary, std::min<Seq>(primary.position().seq,
                                              standby.replica().position().seq + seed * cut % 160));
      shown = standby.replica().position().seq;
      resets += standby.replica().wal_usage().frames < frames ? 1 : 0;
      const auto durable = standby.replica().durable_position().seq;
      vfs.kill();
      standby.close();
      vfs.power_cut(seed * 10 + cut);
      REQUIRE(standby.open_and_locate(primary) != Located::diverged);
      CHECK(standby.replica().position().seq >= durable);
      shown = std::max(shown, standby.replica().position().seq);
      standby.close();
    }
    REQUIRE(standby.open_and_locate(primary) != Located::diverged);
    standby.apply_to(primary, primary.position().seq);
    check_equal(standby, primary);
  }
  MESSAGE(rolled_back, " times the disk had forgotten what was shown, ", resets, " WAL resets");
  CHECK(resets > 10);
  CHECK(rolled_back > 10);
}

TEST_CASE("a reader that keeps the WAL from beginning anew does not cost syncs at every commit") {
  Scratch scratch;
  auto primary = make_primary(scratch, 200);
  Standby standby(scratch.path(), primary.stream());
  FaultVfs vfs;
  standby.options().vfs = vfs.name();
  standby.options().checkpoint_frames = 200;
  write_file(standby.path(), primary.first_image());
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  standby.apply_to(primary, 2);
  Connection reader(standby.path(), Connection::Mode::read_only, 0, vfs.name());
  reader.execute("BEGIN");
  CHECK(reader.query_integer("SELECT count(*) FROM t") == 2);
  vfs.fail({.nth = ~0ull, .calls = FaultVfs::sync});
  standby.apply_to(primary, 200);
  const auto frames = standby.replica().wal_usage().frames;
  CHECK(frames > 500);
  CHECK(vfs.calls() > 0);
  CHECK(vfs.calls() <= 4 * (frames / 50));
  reader.execute("COMMIT");
  standby.close();
}

TEST_CASE("the lock-byte page is no content: never written, never counted") {
  constexpr std::uint32_t kOffset = 64 * 1024;
  const auto before = sqlite3_test_control(SQLITE_TESTCTRL_PENDING_BYTE, kOffset);
  set_lock_byte_offset(kOffset);
  for (const std::uint32_t page_size : {1024, 4096}) {
    Scratch scratch;
    RecorderOptions options;
    options.page_size = page_size;
    Recorder primary(scratch.path(), options);
    Standby standby(scratch.path(), primary.stream());
    write_file(standby.path(), primary.first_image());
    primary.run(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 400) "
        "SELECT i, randomblob(700), 1 FROM n");
    REQUIRE(primary.outline().page_count > lock_byte_page(page_size));
    REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
    standby.apply_to(primary, 1);
    standby.replica().rescan({});
    CHECK(standby.replica().hashes().sum() == primary.position().sum);
    CHECK(standby.replica().hashes().get(lock_byte_page(page_size)) == 0);
    standby.close();
    Connection own(standby.path(), Connection::Mode::read_write);
    own.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    CHECK(own.query_text("PRAGMA integrity_check") == "ok");
    const bool is_equal = read_file(standby.path()) == primary.image();
    CHECK(is_equal);
  }
  sqlite3_test_control(SQLITE_TESTCTRL_PENDING_BYTE, before);
  set_lock_byte_offset(0x40000000);
}
