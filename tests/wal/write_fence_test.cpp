// The fence: nobody writes while it is held, nobody reads worse, and it can be passed on.
#include "common/wal/write_fence.h"

#include "tests/wal/scratch.h"

#include <doctest/doctest.h>

namespace understudy::wal::test {
namespace {

constexpr const char* kLocked = "Error: stepping, database is locked (5)";

std::string insert(const std::string& path) {
  return sqlite3_shell(path, "INSERT INTO t VALUES(1)");
}

std::string make_database(const Scratch& scratch) {
  auto path = scratch.path();
  sqlite3_shell(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  return path;
}

}  // namespace

TEST_CASE("a fence keeps writers of other processes out, and readers in") {
  const Scratch scratch;
  const auto path = make_database(scratch);
  WriteFence fence(path);
  CHECK_FALSE(fence.is_held());
  CHECK(insert(path).empty());

  REQUIRE(fence.try_take());
  CHECK(fence.is_held());
  CHECK(insert(path) == kLocked);
  CHECK(sqlite3_shell(path, "SELECT count(*) FROM t") == "1");

  fence.release();
  CHECK_FALSE(fence.is_held());
  CHECK(insert(path).empty());
}

TEST_CASE("a fence waits for an open transaction, and says when it is over") {
  const Scratch scratch;
  const auto path = make_database(scratch);
  Connection application(path, Connection::Mode::create);
  application.execute("BEGIN IMMEDIATE");
  WriteFence fence(path);
  CHECK_FALSE(fence.take(std::chrono::milliseconds(20)));
  application.execute("INSERT INTO t VALUES(2)");
  application.execute("COMMIT");
  CHECK(fence.take(std::chrono::milliseconds(20)));
}

TEST_CASE("the lock is held all the time while it passes from hand to hand") {
  const Scratch scratch;
  const auto path = make_database(scratch);
  WriteFence first(path);
  REQUIRE(first.try_take());
  RawDatabase database = std::move(first).hand_over();
  CHECK_FALSE(first.is_held());
  CHECK(insert(path) == kLocked);
  {
    WriteFence second(std::move(database));
    CHECK(second.is_held());
    const WriteFence third(std::move(second));
    CHECK(insert(path) == kLocked);
  }
  CHECK(insert(path).empty());
}

TEST_CASE("a fence beside another connection of the same process") {
  const Scratch scratch;
  const auto path = make_database(scratch);
  auto other = std::make_unique<RawDatabase>(path);
  WriteFence fence(path);
  REQUIRE(fence.try_take());
  other.reset();  // closes descriptors of the same files
  CHECK(insert(path) == kLocked);
}

}  // namespace understudy::wal::test
