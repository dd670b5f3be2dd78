// Resync: pages of different times become one proved state, in a new file or in one commit.
#include "common/core/errors.h"
#include "standby.h"

#include <doctest/doctest.h>

#include <filesystem>

using namespace understudy;
using namespace understudy::test;

namespace {

const char* const kFill =
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 4000) "
    "SELECT i, hex(randomblob(400)), 0 FROM n";

// Asks for all groups that are not there yet; between two of them the primary goes on.
void gather(Stage& stage, Recorder& primary, const std::vector<std::string>& meanwhile) {
  std::size_t next = 0;
  for (PageNo group = 0; group < stage.group_count(); ++group) {
    const auto request = stage.request(stage.group_first(group), stage.group_size(group));
    CHECK(stage.put(primary.answer(request)) == Stage::Put::accepted);
    if (next < meanwhile.size()) primary.run(meanwhile[next++]);
  }
}

void bootstrap(Standby& standby, Recorder& primary, const std::vector<std::string>& meanwhile) {
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  gather(stage, primary, meanwhile);
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
  stage.install(standby.path());
  standby.open();
  standby.replica().adopt(stage.position(), stage.take_hashes());
}

void check_equal(Standby& standby, Recorder& primary) {
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
  CHECK(sqlite3_program(standby.path(), "PRAGMA integrity_check") == "ok");
}

const std::vector<std::string> kMeanwhile = {
    "UPDATE t SET b = b + 1 WHERE id % 3 = 0", "DELETE FROM t WHERE id > 3000; VACUUM",
    "INSERT INTO t(a) SELECT a FROM t", "CREATE INDEX i ON t(a)"};

}  // namespace

TEST_CASE("a new standby from pages of different times, while the primary goes on") {
  for (const std::uint32_t page_size : {512, 4096, 65536}) {
    CAPTURE(page_size);
    Scratch scratch;
    RecorderOptions options;
    options.page_size = page_size;
    Recorder primary(scratch.path(), options);
    primary.run(kFill);
    Standby standby(scratch.path(), primary.stream());
    bootstrap(standby, primary, kMeanwhile);
    CHECK(standby.replica().position().seq >= 4);
    standby.apply_to(primary, primary.position().seq);
    primary.run("UPDATE t SET b = 0");
    standby.apply_to(primary, primary.position().seq);
    CHECK(standby.replica().position() == primary.position());
    check_equal(standby, primary);
  }
}

TEST_CASE("pages that are made between the outline and the first answer are not forgotten") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  const auto pages = primary.outline().page_count;
  primary.run("CREATE TABLE later AS SELECT randomblob(3000) AS b FROM t LIMIT 100");
  REQUIRE(primary.outline().page_count > pages + 50);
  gather(stage, primary, {});
  const auto log = primary.log();
  CHECK(stage.complete(*log) == Stage::Completion::proved);
}

TEST_CASE("a state directory on another disk than the database") {
  if (!std::filesystem::exists("/dev/shm")) return;
  Scratch scratch;
  Scratch elsewhere("/tmp");
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  standby.options().path = elsewhere / "replica.db";
  bootstrap(standby, primary, {});
  CHECK(standby.replica().position() == primary.position());
  CHECK_FALSE(std::filesystem::exists(standby.path() + "-understudy-incoming"));
  check_equal(standby, primary);
}

TEST_CASE("after a bootstrap the position is known without a scan") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  bootstrap(standby, primary, {});
  standby.close();
  CHECK(standby.open_and_locate(primary) == Located::by_fingerprint);
  CHECK(standby.replica().position() == primary.position());
}

TEST_CASE("a crash while staging: what is right is not sent again") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  {
    Stage stage(standby.stage_options(), primary.outline(), nullptr);
    const auto request = stage.request(stage.group_first(0), stage.group_size(0));
    CHECK(request.known.empty());
    REQUIRE(stage.put(primary.answer(request)) == Stage::Put::accepted);
  }
  primary.run("UPDATE t SET b = 9 WHERE id = 5");
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  gather(stage, primary, {});
  const auto all = std::uint64_t{primary.outline().page_count} * 4096;
  CHECK(stage.received_bytes() < all - 250 * 4096);
  CHECK(stage.received_bytes() > 0);
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
}

TEST_CASE("repair of damaged pages: readers go from one whole state to another") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  bootstrap(standby, primary, {});
  flip_byte(standby.path(), 5 * 4096 + 3000);
  flip_byte(standby.path(), 300 * 4096 + 3000);
  standby.replica().rescan({});
  CHECK(standby.replica().hashes().sum() != primary.position().sum);
  primary.run("UPDATE t SET b = 1");
  Connection reader(standby.path(), Connection::Mode::read_only);
  CHECK(reader.query_integer("SELECT max(b) FROM t") == 0);
  Stage stage(standby.stage_options(), primary.outline(), &standby.replica());
  gather(stage, primary, {"DELETE FROM t WHERE id > 2000; VACUUM", "UPDATE t SET b = 2"});
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
  CHECK(reader.query_integer("SELECT max(b) FROM t") == 0);
  standby.replica().replace(stage);
  CHECK(reader.query_integer("SELECT count(*) FROM t WHERE b >= 1") == 2000);
  standby.apply_to(primary, primary.position().seq);
  CHECK(standby.replica().position() == primary.position());
  check_equal(standby, primary);
}

TEST_CASE("a repair sends what differs and nothing else") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  bootstrap(standby, primary, {});
  Stage::discard(standby.options().state_dir);
  flip_byte(standby.path(), 5 * 4096 + 3000);
  standby.replica().rescan({});
  Stage stage(standby.stage_options(), primary.outline(), &standby.replica());
  gather(stage, primary, {});
  CHECK(stage.received_bytes() == 4096);
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
  standby.replica().replace(stage);
  check_equal(standby, primary);
}

TEST_CASE("a diverged replica becomes the primary's state; a stage from a replica serves as well") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  bootstrap(standby, primary, {});
  standby.close();
  sqlite3_program(standby.path(), "DELETE FROM t WHERE id % 2; INSERT INTO t(a) VALUES('mine')");
  REQUIRE(standby.open_and_locate(primary) == Located::diverged);
  Stage stage(standby.stage_options(), primary.outline(), &standby.replica());
  gather(stage, primary, {});
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
  standby.replica().replace(stage);
  CHECK(standby.replica().position() == primary.position());

  // This replica as the source of another one, with a record half fed.
  std::filesystem::create_directory(scratch / "second");
  Standby second(scratch / "second", primary.stream());
  Stage next(second.stage_options(), standby.replica().outline(), nullptr);
  primary.run("UPDATE t SET b = 7");
  auto parts = primary.parts(primary.position().seq);
  REQUIRE(parts.size() > 1);
  parts.pop_back();
  REQUIRE(standby.feed(parts).is_accepted());
  for (PageNo group = 0; group < next.group_count(); ++group) {
    const auto request = next.request(next.group_first(group), next.group_size(group));
    const auto answer = standby.replica().read_group(request);
    REQUIRE(answer);
    CHECK(next.put(*answer) == Stage::Put::accepted);
  }
  REQUIRE(next.complete(*log) == Stage::Completion::proved);
  CHECK(next.position() == standby.replica().position());
  standby.replica().abandon();
  standby.apply_to(primary, primary.position().seq);
  check_equal(standby, primary);
}

TEST_CASE("a replica whose file was damaged does not pass the damage on") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  REQUIRE(standby.open_and_locate(primary) != Located::diverged);
  auto& replica = standby.replica();
  const PageRequest everything{.first = 1, .count = replica.page_count(), .known = {}};
  const auto whole = replica.read_group(everything);
  REQUIRE(whole);
  CHECK(whole->pages.size() == replica.page_count());
  flip_byte(standby.path(), 2 * replica.page_size() - 1);  // in page 2
  CHECK_FALSE(replica.read_group(everything));
  CHECK(replica.read_group({.first = 3, .count = 1, .known = {}}));
}

TEST_CASE("answers that cannot be are refused, doubles ignored, missing records waited for") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  const auto good = primary.answer(stage.request(stage.group_first(0), stage.group_size(0)));
  auto bad = good;
  bad.pages[3] = bad.pages[2];
  CHECK(stage.put(bad) == Stage::Put::refused);
  bad = good;
  bad.contents.pop_back();
  CHECK(stage.put(bad) == Stage::Put::refused);
  bad = good;
  bad.first += 1;
  CHECK(stage.put(bad) == Stage::Put::refused);
  bad = good;
  bad.page_count = 10;
  CHECK(stage.put(bad) == Stage::Put::refused);
  bad = good;
  bad.page_size = 8192;
  CHECK(stage.put(bad) == Stage::Put::reshaped);
  CHECK(stage.put(good) == Stage::Put::accepted);
  CHECK(stage.put(good) == Stage::Put::ignored);
  primary.run("UPDATE t SET b = 5");
  for (PageNo group = 1; group < stage.group_count(); ++group) {
    auto answer = primary.answer(stage.request(stage.group_first(group), stage.group_size(group)));
    if (group == 1) answer.as_of.seq += 1;  // a record that the log does not have yet
    CHECK(stage.put(answer) == Stage::Put::accepted);
  }
  const auto log = primary.log();
  CHECK(stage.complete(*log) == Stage::Completion::records_missing);
}

TEST_CASE("a page that was tampered with on the way never becomes a state") {
  Scratch scratch;
  Recorder primary(scratch.path(), {});
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  for (PageNo group = 0; group < stage.group_count(); ++group) {
    auto answer = primary.answer(stage.request(stage.group_first(group), stage.group_size(group)));
    if (group == 0) answer.contents[5000] ^= std::byte{1};
    CHECK(stage.put(answer) == Stage::Put::accepted);
  }
  const auto log = primary.log();
  CHECK(stage.complete(*log) == Stage::Completion::mismatch);
  // The next attempt mends just that page.
  Stage again(standby.stage_options(), primary.outline(), nullptr);
  gather(again, primary, {});
  CHECK(again.received_bytes() == 4096);
  CHECK(again.complete(*log) == Stage::Completion::proved);
}

TEST_CASE("another page size replaces the file, but never under somebody's feet") {
  Scratch scratch;
  RecorderOptions options;
  options.page_size = 8192;
  Recorder primary(scratch.path(), options);
  primary.run(kFill);
  Standby standby(scratch.path(), primary.stream());
  sqlite3_program(standby.path(), "PRAGMA journal_mode=WAL; CREATE TABLE old(x)");
  Stage stage(standby.stage_options(), primary.outline(), nullptr);
  gather(stage, primary, {});
  const auto log = primary.log();
  REQUIRE(stage.complete(*log) == Stage::Completion::proved);
  {
    Connection reader(standby.path(), Connection::Mode::read_only);
    CHECK(reader.query_integer("SELECT count(*) FROM old") == 0);
    CHECK_THROWS_AS(stage.install(standby.path()), ConfigError);
    CHECK(reader.query_integer("SELECT count(*) FROM old") == 0);
  }
  stage.install(standby.path());
  standby.open();
  standby.replica().adopt(stage.position(), stage.take_hashes());
  primary.run("UPDATE t SET b = 3");
  standby.apply_to(primary, primary.position().seq);
  check_equal(standby, primary);
}
