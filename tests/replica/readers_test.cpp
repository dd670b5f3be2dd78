// Readers in other processes while records are applied and the applier is killed: whole
// transactions only, and time never goes back.
#include "standby.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

using namespace understudy;
using namespace understudy::test;

namespace {

enum Verdict : int { fine = 0, torn = 1, went_back = 2, failed = 3 };

// Reads again and again until the counter has reached `last`. Every transaction of the primary
// moves an amount between two tables and counts on, so the sum is constant.
Verdict read_until(const std::string& path, std::int64_t last) {
  try {
    Connection connection(path, Connection::Mode::read_only, 5000);
    auto statement = connection.prepare(
        "SELECT (SELECT sum(v) FROM a), (SELECT sum(v) FROM b), (SELECT n FROM counter), "
        "(SELECT count(*) FROM log)");
    std::int64_t before = 0;
    for (;;) {
      if (!statement.step()) return failed;
      const auto sum = statement.integer(0) + statement.integer(1);
      const auto counter = statement.integer(2);
      const auto logged = statement.integer(3);
      statement.reset();
      if (sum != 1000000 || logged != counter) return torn;
      if (counter < before) return went_back;
      before = counter;
      if (counter == last) return fine;
    }
  } catch (const std::exception&) {
    return failed;
  }
}

pid_t start_reader(const std::string& path, std::int64_t last) {
  const auto child = ::fork();
  if (child == 0) ::_exit(read_until(path, last));
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Recorder bank(const Scratch& scratch, int transfers) {
  RecorderOptions options;
  options.page_size = 1024;
  options.part_bytes = 2048;
  options.change_twice = true;
  options.setup =
      "CREATE TABLE a(id INTEGER PRIMARY KEY, v, filler); CREATE TABLE b(id INTEGER PRIMARY KEY, "
      "v, filler); CREATE TABLE counter(n); CREATE TABLE log(n, what); INSERT INTO counter "
      "VALUES(0); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100) "
      "INSERT INTO a SELECT i, 10000, hex(randomblob(40)) FROM n; INSERT INTO b SELECT id, 0, "
      "filler FROM a";
  Recorder primary(scratch.path(), options);
  std::mt19937 random(5);
  for (int i = 0; i < transfers; ++i) {
    const auto from = std::to_string(random() % 100 + 1);
    const auto amount = std::to_string(random() % 500);
    primary.run("BEGIN; UPDATE a SET v = v - " + amount + " WHERE id = " + from +
                "; UPDATE b SET v = v + " + amount + " WHERE id = 101 - " + from +
                "; UPDATE counter SET n = n + 1; INSERT INTO log VALUES(1, randomblob(" +
                std::to_string(random() % 3000) + ")); COMMIT");
  }
  return primary;
}

// Applies from wherever the replica is; killed from outside at any instant.
void apply_in_child(Standby& standby, Recorder& primary, Seq merge) {
  // The child has its own view of the log; the parent's backend connection stays untouched.
  standby.open();
  const auto log = open_sqlite_log_reader(primary.backend_path());
  if (standby.replica().locate(*log, {}) == Located::diverged) ::_exit(9);
  for (int round = 0;; ++round) {
    standby.apply_to(primary, primary.position().seq, merge);
    ::_exit(0);
  }
}

}  // namespace

TEST_CASE("readers see whole transactions and no step back, through kill -9 at random instants") {
  Scratch scratch;
  Recorder primary = bank(scratch, 400);
  Standby standby(scratch.path(), primary.stream());
  standby.options().overlay_bytes = 20 * 1024;
  standby.options().checkpoint_frames = 100;
  write_file(standby.path(), primary.first_image());
  const auto last = static_cast<std::int64_t>(primary.position().seq);
  sqlite3_program(standby.path(), "PRAGMA journal_mode");
  std::vector<pid_t> readers;
  for (int i = 0; i < 3; ++i) readers.push_back(start_reader(standby.path(), last));
  std::mt19937 random(11);
  int kills = 0;
  for (int round = 0; round < 80; ++round) {
    const auto child = ::fork();
    if (child == 0) apply_in_child(standby, primary, round % 5 + 1);
    ::usleep(2000 + random() % 12000);  // the random instant of the kill
    ::kill(child, SIGKILL);
    const auto ended = wait_for(child);
    REQUIRE((ended == 0 || ended == 128 + SIGKILL));
    if (ended == 0) break;
    ++kills;
  }
  REQUIRE(standby.open_and_locate(primary) != Located::diverged);
  const auto reached = standby.replica().position().seq;
  standby.apply_to(primary, primary.position().seq);
  std::printf("understudy-count: kill -9 of an applier=%ld\n", static_cast<long>(kills));
  MESSAGE(kills, " kills on the way to record ", reached);
  CHECK(kills > 0);  // a busy machine lets an applier run on for long
  for (const auto reader : readers) CHECK(wait_for(reader) == fine);
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
  CHECK(sqlite3_program(standby.path(), "PRAGMA integrity_check") == "ok");
}

TEST_CASE("a long reader keeps the WAL from beginning anew; nobody waits") {
  Scratch scratch;
  Recorder primary = bank(scratch, 150);
  Standby standby(scratch.path(), primary.stream());
  standby.options().checkpoint_frames = 100;
  write_file(standby.path(), primary.first_image());
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  standby.apply_to(primary, 10);
  Connection reader(standby.path(), Connection::Mode::read_only);
  reader.execute("BEGIN");
  CHECK(reader.query_integer("SELECT n FROM counter") == 10);
  standby.apply_to(primary, 100);
  CHECK(reader.query_integer("SELECT n FROM counter") == 10);
  CHECK(standby.replica().wal_usage().frames > 300);
  reader.execute("COMMIT");
  CHECK(reader.query_integer("SELECT n FROM counter") == 100);
  standby.apply_to(primary, 150);
  CHECK(reader.query_integer("SELECT n FROM counter") == 150);
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
}

TEST_CASE("the WAL begins anew under readers of the database file") {
  Scratch scratch;
  Recorder primary = bank(scratch, 600);
  Standby standby(scratch.path(), primary.stream());
  standby.options().checkpoint_frames = 500;
  write_file(standby.path(), primary.first_image());
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  Connection reader(standby.path(), Connection::Mode::read_only);
  std::uint32_t longest = 0;
  int resets = 0;
  for (Seq seq = 1; seq <= 600; ++seq) {
    const auto before = standby.replica().wal_usage().frames;
    standby.apply_to(primary, seq);
    const auto frames = standby.replica().wal_usage().frames;
    resets += frames < before ? 1 : 0;
    longest = std::max(longest, frames);
    REQUIRE(reader.query_integer("SELECT n FROM counter") == static_cast<std::int64_t>(seq));
  }
  CHECK(resets >= 2);
  CHECK(longest < WalAppender::kShortestReset + 100);
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
}
