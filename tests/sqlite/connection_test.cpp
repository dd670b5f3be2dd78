// Connection, Statement, Transaction: values there and back, errors as exceptions, no lock left
// behind.
#include "common/sqlite/connection.h"

#include "common/core/errors.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

TEST_CASE("values come back as they were bound") {
  TemporaryDirectory folder;
  Connection db(folder.file("a.db"), Connection::Mode::create);
  db.execute("CREATE TABLE t (i, s, b, n, e)");
  const Bytes blob = {std::byte{0}, std::byte{255}, std::byte{7}};
  const std::string text("a\0b", 3);
  db.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?)")
      .bind(1, std::int64_t{-1})
      .bind(2, text)
      .bind(3, ByteView(blob))
      .bind_null(4)
      .bind(5, ByteView())
      .run();
  auto row = db.prepare("SELECT i, s, b, n, e, typeof(e) FROM t");
  REQUIRE(row.step());
  CHECK(row.integer(0) == -1);
  CHECK(row.text(1) == text);
  CHECK(Bytes(row.blob(2).begin(), row.blob(2).end()) == blob);
  CHECK(row.is_null(3));
  CHECK_FALSE(row.is_null(4));
  CHECK(row.blob(4).empty());
  CHECK(row.text(5) == "blob");
  CHECK_FALSE(row.step());
  CHECK(db.query_integer("SELECT i FROM t") == -1);
  CHECK_FALSE(db.query_integer("SELECT i FROM t WHERE i = 5"));
}

TEST_CASE("errors name the file and carry SQLite's code") {
  TemporaryDirectory folder;
  const auto path = folder.file("a.db");
  CHECK_THROWS_AS(Connection(path, Connection::Mode::read_write), SqliteError);
  Connection db(path, Connection::Mode::create);
  try {
    db.execute("SELECT * FROM nothing");
    FAIL("read a table that is not there");
  } catch (const SqliteError& error) {
    CHECK(error.code() == 1);
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    CHECK(std::string(error.what()).find("nothing") != std::string::npos);
  }
  CHECK_THROWS_AS((void)db.prepare("nonsense"), SqliteError);
  db.execute("CREATE TABLE t (x UNIQUE)");
  auto insert = db.prepare("INSERT INTO t VALUES (1)");
  insert.run();
  CHECK_THROWS_AS(insert.run(), SqliteError);
  CHECK(db.query_integer("SELECT count(*) FROM t") == 1);
}

TEST_CASE("a transaction that is not committed is rolled back, and its lock dropped") {
  TemporaryDirectory folder;
  const auto path = folder.file("a.db");
  Connection db(path, Connection::Mode::create);
  Connection other(path, Connection::Mode::create);
  db.execute("CREATE TABLE t (x)");
  {
    Transaction transaction(db);
    db.execute("INSERT INTO t VALUES (1)");
    try {
      Transaction second(other);
      FAIL("two write transactions at once");
    } catch (const SqliteError& error) {
      CHECK(error.is_busy());
    }
  }
  CHECK(db.query_integer("SELECT count(*) FROM t") == 0);
  {
    Transaction transaction(other);
    other.execute("INSERT INTO t VALUES (1)");
    transaction.commit();
  }
  CHECK(db.query_integer("SELECT count(*) FROM t") == 1);
}

TEST_CASE("a failing disk comes out as an error, and the next transaction works") {
  FaultVfs vfs;
  TemporaryDirectory folder;
  Connection db(folder.file("a.db"), Connection::Mode::create, 0, vfs.name());
  db.execute("CREATE TABLE t (x)");
  vfs.fail({.calls = FaultVfs::write, .failure = FaultVfs::Failure::disk_full});
  try {
    Transaction transaction(db);
    db.execute("INSERT INTO t VALUES (1)");
    transaction.commit();
    FAIL("committed to a full disk");
  } catch (const SqliteError& error) {
    CHECK(error.is_disk_full());
  }
  vfs.heal();
  Transaction transaction(db);
  db.execute("INSERT INTO t VALUES (2)");
  transaction.commit();
  CHECK(db.query_text("SELECT group_concat(x) FROM t") == "2");
}

}  // namespace
}  // namespace understudy::test
