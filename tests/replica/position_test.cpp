// Finding the position again: after kill -9 at every point of a commit, after others touched the
// files, and from page hashes on file.
#include "common/core/errors.h"
#include "standby.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

using namespace understudy;
using namespace understudy::test;

namespace {

// Runs `work` in a child process that ends like one that is killed: nothing is closed.
template <typename Work>
void run_and_kill(const Work& work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(WTERMSIG(status) == SIGKILL);
}

Recorder make_primary(const Scratch& scratch, int records) {
  RecorderOptions options;
  options.part_bytes = 8 * 1024;
  Recorder primary(scratch.path(), options);
  for (int i = 0; i < records; ++i) {
    primary.run("INSERT INTO t(a, b) VALUES(randomblob(" + std::to_string(i % 5 * 4000) + "), " +
                std::to_string(i) + ")");
  }
  return primary;
}

}  // namespace

TEST_CASE("killed with a commit fed, prepared or published: the position is exact") {
  for (const int point : {0, 1, 2}) {
    for (const bool with_reader : {false, true}) {
      CAPTURE(point);
      CAPTURE(with_reader);
      Scratch scratch;
      auto primary = make_primary(scratch, 8);
      Standby standby(scratch.path(), primary.stream());
      standby.copy_from(primary);
      for (int i = 0; i < 10; ++i) primary.run("INSERT INTO t(a) VALUES(randomblob(5000))");
      std::unique_ptr<Connection> reader;
      run_and_kill([&] {
        standby.open_and_locate(primary);
        standby.apply_to(primary, 12);
        (void)standby.feed(primary.parts(13));
        if (point >= 1) (void)standby.replica().prepare();
        if (point >= 2) standby.replica().publish();
      });
      if (with_reader) {
        // Recovers the wal-index, and keeps it alive.
        reader = std::make_unique<Connection>(standby.path(), Connection::Mode::read_only);
        CHECK(reader->query_integer("SELECT count(*) FROM t") == (point == 2 ? 13 : 12));
      }
      REQUIRE(standby.open_and_locate(primary) == Located::by_fingerprint);
      CHECK(standby.replica().position().seq == (point == 2 ? 13 : 12));
      CHECK(standby.replica().hashes().recount() == standby.replica().position().sum);
      standby.apply_to(primary, 18);
      reader.reset();
      const bool is_equal = standby.checkpointed_image() == primary.image();
      CHECK(is_equal);
    }
  }
}

TEST_CASE("after a clean close the position comes from the ring, the hashes from their file") {
  Scratch scratch;
  auto primary = make_primary(scratch, 20);
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  for (int i = 0; i < 20; ++i) primary.run("UPDATE t SET b = b + 1");
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  standby.apply_to(primary, 25);
  standby.replica().save_hashes();
  standby.apply_to(primary, 31);
  standby.close();
  bool was_scanned = false;
  standby.open();
  const auto log = primary.log();
  const auto found = standby.replica().locate(*log, [&](PageNo, PageNo) { was_scanned = true; });
  CHECK(found == Located::by_fingerprint);
  CHECK_FALSE(was_scanned);
  CHECK(standby.replica().position().seq == 31);
  CHECK(standby.replica().hashes().recount() == standby.replica().position().sum);
  standby.apply_to(primary, 40);
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
}

TEST_CASE("when a reader's last close deletes the WAL, the state sum finds the position") {
  Scratch scratch;
  auto primary = make_primary(scratch, 3);
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  for (int i = 0; i < 5; ++i) primary.run("INSERT INTO t(a) VALUES(1)");
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  standby.apply_to(primary, 6);
  standby.close();
  CHECK(sqlite3_program(standby.path(), "SELECT count(*) FROM t") == "6");
  CHECK_FALSE(std::filesystem::exists(standby.path() + "-wal"));
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  CHECK(standby.replica().position().seq == 6);
  standby.close();
  REQUIRE(standby.open_and_locate(primary) == Located::by_fingerprint);
  standby.apply_to(primary, 8);
  const bool is_equal = standby.checkpointed_image() == primary.image();
  CHECK(is_equal);
}

TEST_CASE("a program that wrote to the standby while it was down: diverged") {
  for (const bool keeps_wal : {false, true}) {
    Scratch scratch;
    auto primary = make_primary(scratch, 3);
    Standby standby(scratch.path(), primary.stream());
    standby.copy_from(primary);
    REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
    primary.run("INSERT INTO t(a) VALUES(1)");
    standby.apply_to(primary, 4);
    standby.close();
    std::unique_ptr<Connection> other;
    if (keeps_wal) {
      other = std::make_unique<Connection>(standby.path(), Connection::Mode::read_only);
      CHECK(other->query_integer("SELECT count(*) FROM t") == 4);
    }
    CHECK(sqlite3_program(standby.path(), "INSERT INTO t(a) VALUES('mine')").empty());
    CHECK(standby.open_and_locate(primary) == Located::diverged);
    CHECK_FALSE(standby.replica().is_located());
  }
}

TEST_CASE("a power cut that loses the ring or rolls the WAL back still leads to a position") {
  Scratch scratch;
  auto primary = make_primary(scratch, 3);
  Standby standby(scratch.path(), primary.stream());
  standby.copy_from(primary);
  for (int i = 0; i < 10; ++i) primary.run("INSERT INTO t(a) VALUES(randomblob(3000))");
  REQUIRE(standby.open_and_locate(primary) == Located::by_sum);
  standby.apply_to(primary, 9);
  standby.close();
  const auto wal = read_file(standby.path() + "-wal");
  const auto ring = read_file(standby.options().state_dir + "/applied");
  for (std::size_t kept = wal.size(); kept > 32; kept -= std::min<std::size_t>(kept, 4120)) {
    for (const bool ring_is_lost : {false, true}) {
      CAPTURE(kept);
      std::filesystem::remove(standby.path() + "-shm");
      write_file(standby.path() + "-wal", ByteView(wal).first(kept));
      write_file(standby.options().state_dir + "/applied", ring_is_lost ? Bytes{} : ring);
      const auto found = standby.open_and_locate(primary);
      CHECK(found == (ring_is_lost ? Located::by_sum : Located::by_fingerprint));
      const auto seq = standby.replica().position().seq;
      CHECK(seq >= 3);
      CHECK(seq <= 9);
      CHECK(sqlite3_program(standby.path(), "SELECT count(*) FROM t") == std::to_string(seq));
      standby.close();
    }
  }
}

TEST_CASE("the ring takes damage for absence, and refuses a newer version") {
  Scratch scratch;
  const auto path = scratch / "applied";
  const auto stream = StreamId::random();
  wal::Cursor cursor;
  cursor.salts.bytes[0] = std::byte{7};
  {
    AppliedRing ring(path, stream);
    for (Seq seq = 1; seq <= AppliedRing::kCapacity + 10; ++seq) {
      cursor.frame = static_cast<wal::FrameNo>(seq);
      ring.append({1, seq, seq * 3}, cursor);
    }
    CHECK(ring.find(cursor) == Position{1, cursor.frame, cursor.frame * 3ull});
    cursor.frame = 10;
    CHECK_FALSE(ring.find(cursor));  // overwritten
    cursor.frame = 11;
    CHECK(ring.find(cursor));
  }
  const auto whole = read_file(path);
  for (std::size_t i = 0; i < 64; ++i) {
    auto damaged = whole;
    damaged[64 + 11 * 64 + i] ^= std::byte{1};  // the entry of seq 12
    write_file(path, damaged);
    cursor.frame = 12;
    CHECK_FALSE(AppliedRing(path, stream).find(cursor));
    cursor.frame = 13;
    CHECK(AppliedRing(path, stream).find(cursor));
  }
  // A look from outside leaves even what it cannot read as it is.
  CHECK(AppliedRing::open_read_only(path, stream)->find(cursor));
  CHECK_FALSE(AppliedRing::open_read_only(path, StreamId::random()));
  CHECK_FALSE(AppliedRing::open_read_only(path + "-none", stream));
  flip_byte(path, 20);
  const auto damaged = read_file(path);
  CHECK_FALSE(AppliedRing::open_read_only(path, stream));
  CHECK(read_file(path) == damaged);
  write_file(path, whole);

  CHECK_FALSE(AppliedRing(path, StreamId::random()).find(cursor));
  CHECK(read_file(path).size() == AppliedRing::kHeaderSize);
}

TEST_CASE("a WAL without its database is refused, not taken for an empty standby") {
  Scratch scratch;
  CHECK(Replica::look_for(scratch / "replica.db") == ReplicaFile::missing);
  write_file(scratch / "replica.db-wal", Bytes(100));
  CHECK_THROWS_AS((void)Replica::look_for(scratch / "replica.db"), ConfigError);
}
