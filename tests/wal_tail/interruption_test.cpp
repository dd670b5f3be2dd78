// The tail beside several writers, killed writers, long readers, and across its own restarts.
#include "common/sqlite/connection.h"
#include "tests/support/temporary_directory.h"
#include "tests/wal_tail/follower.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdio>

namespace understudy::test {
namespace {

using Clock = std::chrono::steady_clock;

TailOptions small_windows() {
  TailOptions options;
  options.window_frames = 300;
  return options;
}

void follow_for(Follower& follower, std::chrono::milliseconds time) {
  for (const auto end = Clock::now() + time; Clock::now() < end;) follower.require_step();
}

}  // namespace

TEST_CASE("three writers at once with checkpoints of all kinds") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  Follower follower(path, small_windows());
  follower.checks_reads = true;
  WriterProcess a({"db=" + path, "seed=11", "ms=1500", "explicit=any", "every=7"});
  WriterProcess b({"db=" + path, "seed=12", "ms=1500", "cache=5", "pause_us=300"});
  WriterProcess c({"db=" + path, "seed=13", "ms=1500", "work=rows", "pause_us=100"});
  follower.follow_while(a);
  follower.follow_while(b);
  follower.follow_while(c);
  CHECK(a.number("slowest_ms") < 1000);
  CHECK(follower.image() == image_of(path));
  CHECK(follower.commits > 50);
}

TEST_CASE("writers killed at any moment: nothing is lost, nothing uncommitted is shown") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path, 1024);
  Follower follower(path, small_windows());
  constexpr int kKills = 60;
  constexpr int kCommits = 100;  // on a slow machine it takes more writers to get there
  int kills = 0;
  for (int i = 0; i < kKills || (follower.commits <= kCommits && i < 10 * kKills); ++i, ++kills) {
    WriterProcess writer({"db=" + path, fmt::format("seed={}", 100 + i), "ms=10000", "cache=5",
                          fmt::format("explicit={}", i % 2 == 0 ? "any" : "none"), "every=2"});
    follow_for(follower, std::chrono::milliseconds(8 + (i * 7) % 23));
    writer.kill();
    if (i % 10 == 9) {
      follower.catch_up();
      REQUIRE(follower.image() == image_of(path));
    }
  }
  CHECK(follower.commits > kCommits);
  std::printf("understudy-count: kill -9 of a writer under the tail=%d\n", kills);
  MESSAGE("kills ", kills, ", commits seen ", follower.commits);
}

TEST_CASE("a reader that stays for long blocks neither the tail nor the writers") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  Follower follower(path, small_windows());
  WriterProcess writer({"db=" + path, "seed=21", "ms=800", "work=rows"});
  Connection reader(path, Connection::Mode::read_only, 1000);
  reader.execute("BEGIN");
  const auto before = reader.query_integer("SELECT count(*) FROM t");
  follow_for(follower, std::chrono::milliseconds(400));
  CHECK(reader.query_integer("SELECT count(*) FROM t") == before);
  reader.execute("COMMIT");
  follower.follow_while(writer);
  CHECK(follower.image() == image_of(path));
}

TEST_CASE("resuming goes on behind the cursor when the prefix is there, and is a gap when not") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  Follower first(path);
  {
    WriterProcess writer({"db=" + path, "seed=31", "ms=100", "work=rows", "autocheckpoint=0"});
    first.follow_while(writer);
  }
  first.tail.detach();
  {
    WriterProcess writer({"db=" + path, "seed=32", "ms=100", "work=rows", "autocheckpoint=0"});
    writer.report();  // waits for its end
  }
  Follower second(path, first);
  REQUIRE(second.resumed);
  second.catch_up();
  CHECK(second.commits > 0);
  CHECK(second.image() == image_of(path));
  second.tail.detach();

  Connection(path, Connection::Mode::read_write, 1000).execute("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    WriterProcess writer({"db=" + path, "seed=33", "ms=100", "work=rows"});
    writer.report();  // waits for its end
  }
  Follower third(path, second);
  CHECK(!third.resumed);
}

TEST_CASE("a WAL over the hard limit is closed under the write lock") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  TailOptions options;
  options.wal_hard_limit_bytes = 2 << 20;
  Follower follower(path, options);
  for (int run = 0; run < 10 && follower.tail.status().resets == 0; ++run) {
    WriterProcess writer({"db=" + path, "seed=41", "ms=1200", "work=rows", "autocheckpoint=0"});
    follower.follow_while(writer);
    CHECK(writer.number("busy") == 0);
  }
  CHECK(follower.tail.status().lock_grabs > 0);
  CHECK(follower.tail.status().resets > 0);
  CHECK(follower.image() == image_of(path));
}

TEST_CASE(
    "over the hard limit a reader that makes the write lock useless does not bring it down on "
    "writers") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  Connection reader(path, Connection::Mode::read_only);
  reader.execute("BEGIN");
  REQUIRE(reader.query_integer("SELECT count(*) FROM sqlite_schema") > 0);
  TailOptions options;
  options.wal_hard_limit_bytes = 1 << 20;
  Follower follower(path, options);
  WriterProcess writer({"db=" + path, "seed=43", "ms=1200", "work=rows", "autocheckpoint=0"});
  follower.follow_while(writer);
  CHECK(writer.number("busy") == 0);
  REQUIRE(follower.database.wal_bytes() > options.wal_hard_limit_bytes);
  CHECK(follower.tail.status().lock_grabs < 10);  // one a second, and not one a poll
  CHECK(follower.tail.status().checkpoints < 20);
  reader.execute("COMMIT");
  follower.catch_up();
  CHECK(follower.image() == image_of(path));
}

TEST_CASE("without leave to take the write lock a WAL over the limit is let go, and said so") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  TailOptions options;
  options.wal_hard_limit_bytes = 1 << 20;
  options.may_take_write_lock = false;
  Follower follower(path, options);
  WriterProcess writer({"db=" + path, "seed=42", "ms=1500", "work=rows", "autocheckpoint=0"});
  bool lost = false;
  while (writer.is_running() && !lost) lost = !follower.step();
  CHECK(lost);
  CHECK(std::string(follower.tail.status().lost_because).find("write lock") != std::string::npos);
}

TEST_CASE("a pause of the application brings the tail to rest, and a write wakes it") {
  TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  make_database(path);
  Follower follower(path);
  WriterProcess writer({"db=" + path, "seed=51", "ms=50", "work=rows"});
  follower.follow_while(writer);
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!follower.tail.at_rest()) {
    follower.require_step();
    REQUIRE(Clock::now() < deadline);
  }
  CHECK(follower.tail.reads_are_exact());
  const auto commits = follower.commits;
  const auto resets = follower.tail.status().resets;  // a slow machine may have had a pause before
  WriterProcess again({"db=" + path, "seed=52", "ms=50", "work=rows"});
  follower.follow_while(again);
  CHECK(follower.commits > commits);
  CHECK(follower.tail.status().resets > resets);
  CHECK(follower.image() == image_of(path));
}

}  // namespace understudy::test
