// Applying records: the replica is byte for byte the primary, whatever was done there.
#include "common/core/errors.h"
#include "standby.h"

#include <doctest/doctest.h>

using namespace understudy;
using namespace understudy::test;

namespace {

// Random changes of all kinds; each call is one record.
std::string random_sql(std::mt19937& random) {
  const auto id = std::to_string(random() % 300);
  switch (random() % 9) {
    case 0:
      return "DELETE FROM t WHERE id >= " + id;
    case 1:
      return "UPDATE t SET b = randomblob(" + std::to_string(random() % 9000) +
             ") WHERE id % 7 = " + std::to_string(random() % 7);
    case 2:
      return "VACUUM";
    case 3:
      return "CREATE TABLE IF NOT EXISTS u" + std::to_string(random() % 5) + "(x PRIMARY KEY, y)";
    case 4:
      return "DROP TABLE IF EXISTS u" + std::to_string(random() % 5);
    case 5:
      return "PRAGMA incremental_vacuum(" + std::to_string(random() % 20) + ")";
    default:
      return "INSERT OR REPLACE INTO t SELECT value, hex(randomblob(20)), randomblob(" +
             std::to_string(random() % 500) + ") FROM generate_series(" + id + ", " + id + " + " +
             std::to_string(random() % 60) + ")";
  }
}

// generate_series is not in the library: a table of numbers instead.
std::string with_numbers(std::string sql) {
  const auto at = sql.find("generate_series(");
  if (at == std::string::npos) return sql;
  const auto comma = sql.find(',', at);
  const auto from = sql.substr(at + 16, comma - at - 16);
  const auto to = sql.substr(comma + 1, sql.size() - comma - 2);
  return sql.substr(0, at) + "(WITH RECURSIVE n(value) AS (SELECT " + from +
         " UNION ALL SELECT value + 1 FROM n WHERE value < " + to + ") SELECT value FROM n)";
}

void check_equal(Standby& standby, Recorder& primary) {
  CHECK(standby.replica().position() == primary.position());
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
  CHECK(sqlite3_program(standby.path(), "PRAGMA integrity_check") == "ok");
}

}  // namespace

TEST_CASE("a replica is byte for byte the primary: random SQL, page sizes, merges, spills") {
  struct Case {
    std::uint32_t page_size;
    std::string pragmas;
    Seq merge;
    std::size_t overlay;
  };
  const std::vector<Case> cases = {
      {512, "", 1, 1 << 20},
      {1024, "PRAGMA auto_vacuum=FULL", 3, 16 * 1024},
      {4096, "PRAGMA auto_vacuum=INCREMENTAL", 1, 1 << 20},
      {4096, "PRAGMA encoding='UTF-16'", 10, 64 * 1024},
      {8192, "", 7, 1 << 20},
      {65536, "", 2, 1 << 20},
  };
  for (const auto& tried : cases) {
    CAPTURE(tried.page_size);
    Scratch scratch;
    RecorderOptions options;
    options.page_size = tried.page_size;
    options.pragmas = tried.pragmas;
    options.part_bytes = 3 * tried.page_size;
    options.change_twice = true;
    options.seed = tried.page_size + 7;
    Recorder primary(scratch.path(), options);
    Standby standby(scratch.path(), primary.stream());
    standby.options().overlay_bytes = tried.overlay;
    standby.options().checkpoint_frames = 200;
    standby.copy_from(primary);
    REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
    std::mt19937 random(options.seed);
    for (int i = 0; i < 60; ++i) primary.run(with_numbers(random_sql(random)));
    standby.apply_to(primary, primary.position().seq, tried.merge);
    CHECK(standby.replica().hashes().recount() == primary.position().sum);
    check_equal(standby, primary);
  }
}

TEST_CASE("a record larger than the overlay spills, invisibly until it is published") {
  Scratch scratch;
  RecorderOptions options;
  options.part_bytes = 64 * 1024;
  Recorder primary(scratch.path(), options);
  Standby standby(scratch.path(), primary.stream());
  standby.options().overlay_bytes = 100 * 1024;
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  primary.run("INSERT INTO t VALUES(1, 'small', NULL)");
  primary.run(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i < 3000) "
      "SELECT i, randomblob(900), 1 FROM n");
  primary.run("UPDATE t SET b = b + 1");
  standby.apply_to(primary, 1);
  REQUIRE(standby.feed(primary.parts(2)).is_accepted());
  CHECK(standby.replica().wal_usage().frames < 10);
  CHECK(sqlite3_program(standby.path(), "SELECT count(*) FROM t") == "1");
  REQUIRE(standby.replica().prepare().is_accepted());
  CHECK(sqlite3_program(standby.path(), "SELECT count(*) FROM t") == "1");
  standby.replica().publish();
  CHECK(sqlite3_program(standby.path(), "SELECT count(*) FROM t") == "3000");
  CHECK(standby.replica().position().seq == 2);
  standby.apply_to(primary, 3);
  check_equal(standby, primary);
}

TEST_CASE("taking back a half-fed record leaves the state before it") {
  Scratch scratch;
  RecorderOptions options;
  options.part_bytes = 16 * 1024;
  Recorder primary(scratch.path(), options);
  Standby standby(scratch.path(), primary.stream());
  standby.options().overlay_bytes = 64 * 1024 + 4096;
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  primary.run(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 900) "
      "SELECT i, randomblob(900), 1 FROM n");
  primary.run("DELETE FROM t WHERE id > 300; VACUUM");
  primary.run("UPDATE t SET a = randomblob(1000)");
  standby.apply_to(primary, 1);
  for (const std::size_t parts_fed : {1, 5, 12}) {
    REQUIRE(standby.feed(primary.parts(2)).is_accepted());  // shrinks
    auto parts = primary.parts(3);
    REQUIRE(parts.size() > parts_fed);
    parts.resize(parts_fed);
    REQUIRE(standby.feed(parts).is_accepted());
    standby.replica().abandon();
    CHECK(standby.replica().hashes().recount() == standby.replica().position().sum);
    CHECK(standby.replica().expected() == PartKey{2, 0});
  }
  standby.apply_to(primary, 3);
  check_equal(standby, primary);
}

TEST_CASE("duplicates and gaps change nothing; a wrong state before is divergence") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  for (int i = 0; i < 4; ++i) primary.run("INSERT INTO t(a) VALUES(randomblob(50))");
  standby.apply_to(primary, 2);
  CHECK(standby.feed(primary.parts(1)).outcome == FeedResult::Outcome::duplicate);
  CHECK(standby.feed(primary.parts(4)).outcome == FeedResult::Outcome::gap);
  CHECK_FALSE(standby.replica().has_pending());
  RecordPart part;
  ByteView bytes(primary.parts(3)[0]);
  REQUIRE(decode_part(bytes, part));
  part.header.sum_before ^= 1;
  CHECK(standby.replica().feed(part).outcome == FeedResult::Outcome::diverged);
  CHECK(standby.replica().position().seq == 2);
  standby.replica().rescan({});
  standby.apply_to(primary, 4);
  check_equal(standby, primary);
}

TEST_CASE("a damaged page is found before anything of the commit becomes visible") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100) "
      "SELECT i, hex(randomblob(100)), 0 FROM n");
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  flip_byte(standby.path(), 2 * 4096 + 2000);  // in page 3, under the running replica
  primary.run("UPDATE t SET b = b + 1");
  auto result = standby.feed(primary.parts(2));
  if (result.is_accepted()) result = standby.replica().prepare();
  REQUIRE(result.outcome == FeedResult::Outcome::diverged);
  CHECK(result.page == 3);
  CHECK(standby.replica().position().seq == 1);
  CHECK(sqlite3_program(standby.path(), "SELECT max(b) FROM t") == "0");
  standby.replica().abandon();
  CHECK_FALSE(standby.replica().has_pending());
  CHECK(standby.replica().rescan({}).sum() != standby.replica().position().sum);
}

TEST_CASE("a standby's file is read-only for everybody else") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  const auto answer = sqlite3_program(standby.path(), "INSERT INTO t(a) VALUES(1)");
  CHECK(answer.find("database is locked") != std::string::npos);
  CHECK_THROWS_AS(Replica(standby.options()), SqliteError);
  CHECK(sqlite3_program(standby.path(), "PRAGMA wal_checkpoint(TRUNCATE)").substr(0, 1) == "1");
  primary.run("INSERT INTO t(a) VALUES(2)");
  standby.apply_to(primary, 1);
  check_equal(standby, primary);
}
