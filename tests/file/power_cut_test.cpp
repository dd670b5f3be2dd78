// The simulated disk itself: a harness counts once it has been seen to catch something. An SQLite
// database with synchronous=FULL never loses a commit to it; one with OFF does, and gets damaged.
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <utility>

namespace understudy::test {
namespace {

struct Outcome {
  int lost = 0;     // runs in which a committed row was missing
  int damaged = 0;  // runs after which SQLite refused the file, or integrity_check complained
  int runs = 0;
};

void fill(Connection& db, int rows, bool checkpoints) {
  db.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB)");
  for (int i = 0; i < rows; ++i) {
    db.execute("INSERT INTO t (body) VALUES (zeroblob(" + std::to_string(100 + i * 97) + "))");
    if (checkpoints && i % 7 == 6) db.execute("PRAGMA wal_checkpoint");
  }
}

Outcome cut_power(const std::string& journal, const std::string& synchronous) {
  constexpr int kRows = 30;
  Outcome outcome;
  for (std::uint64_t seed = 1; seed <= 60; ++seed, ++outcome.runs) {
    FaultVfs vfs;
    TemporaryDirectory folder;
    const auto path = folder.file("test.db");
    {
      Connection db(path, Connection::Mode::create, 0, vfs.name());
      db.execute("PRAGMA journal_mode=" + journal + "; PRAGMA synchronous=" + synchronous);
      fill(db, kRows, journal == "WAL");
      vfs.kill();
    }
    vfs.power_cut(seed);
    try {
      Connection db(path, Connection::Mode::create, 0, vfs.name());
      if (db.query_text("PRAGMA integrity_check") != "ok") ++outcome.damaged;
      if (db.query_integer("SELECT count(*) FROM t") != kRows) ++outcome.lost;
    } catch (const SqliteError&) {
      ++outcome.damaged;
    }
  }
  return outcome;
}

// In rollback mode FULL does not sync the folder after a journal is deleted (EXTRA does), so the
// last commit can be rolled back: the simulated disk shows that too.
TEST_CASE("what SQLite promises survives every power cut") {
  for (const auto& [journal, synchronous] :
       {std::pair<std::string, std::string>{"WAL", "FULL"}, {"DELETE", "EXTRA"}}) {
    CAPTURE(journal);
    const auto outcome = cut_power(journal, synchronous);
    CHECK(outcome.runs == 60);
    CHECK(outcome.lost == 0);
    CHECK(outcome.damaged == 0);
  }
}

TEST_CASE("control: weaker settings lose commits, and OFF damages files") {
  const auto normal = cut_power("WAL", "NORMAL");
  CHECK(normal.lost > 0);
  CHECK(normal.damaged == 0);
  const auto full_in_place = cut_power("DELETE", "FULL");
  CHECK(full_in_place.lost > 0);
  CHECK(full_in_place.damaged == 0);
  const auto off = cut_power("WAL", "OFF");
  CHECK(off.lost + off.damaged > 0);
  const auto off_in_place = cut_power("DELETE", "OFF");
  CHECK(off_in_place.damaged > 0);
}

TEST_CASE("kill without power cut keeps what was written, and writes nothing more") {
  FaultVfs vfs;
  TemporaryDirectory folder;
  const auto path = folder.file("test.db");
  {
    Connection db(path, Connection::Mode::create, 0, vfs.name());
    db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
    fill(db, 5, false);
    db.execute("BEGIN; INSERT INTO t (body) VALUES ('never')");
    vfs.kill();
    CHECK_THROWS_AS(db.execute("COMMIT"), SqliteError);
  }
  Connection db(path, Connection::Mode::create, 0, vfs.name());
  CHECK(db.query_integer("SELECT count(*) FROM t") == 5);
}

}  // namespace
}  // namespace understudy::test
