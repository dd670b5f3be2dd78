// A WAL and wal-index written wholly by our append side is a WAL to SQLite: other connections and
// the sqlite3 program read the new state, find it intact, checkpoint it and write on behind it.
#include "common/sqlite/connection.h"
#include "common/wal/raw_database.h"
#include "tests/wal/scratch.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <map>
#include <random>

namespace understudy::wal::test {
namespace {

using PageMap = std::map<PageNo, Bytes>;

// All pages of a database as SQLite itself sees them.
PageMap pages_of(const std::string& path) {
  Connection connection(path, Connection::Mode::read_write, 1000);
  const auto page_size = connection.query_integer("PRAGMA page_size").value();
  sqlite3_int64 size = 0;
  auto* image = sqlite3_serialize(connection.handle(), "main", &size, 0);
  REQUIRE(image != nullptr);
  PageMap pages;
  for (sqlite3_int64 at = 0; at < size; at += page_size) {
    const auto* begin = reinterpret_cast<const std::byte*>(image + at);
    pages[static_cast<PageNo>(at / page_size + 1)] = Bytes(begin, begin + page_size);
  }
  sqlite3_free(image);
  return pages;
}

// Writes states into a standby's WAL the way the subscriber does.
class Appender {
 public:
  explicit Appender(const std::string& path) : database_(path) {
    REQUIRE(database_.index().try_lock_exclusive(Lock::write));
    header_ = database_.recover();
  }
  ~Appender() {
    if (database_.index().holds_exclusive(Lock::write)) {
      database_.index().unlock_exclusive(Lock::write);
    }
  }

  void commit(const PageMap& pages, std::uint32_t page_count) {
    if (header_.last_frame == 0) write_wal_header();
    Checksum sum = header_.checksum;
    FrameNo frame = header_.last_frame;
    std::size_t left = pages.size();
    for (const auto& [page, content] : pages) {
      FrameHeader head{page, --left == 0 ? page_count : 0, header_.salts, {}};
      std::array<std::byte, kFrameHeaderSize> bytes{};
      sum = head.encode(bytes, sum, content, header_.big_endian_checksums);
      const auto at = frame_offset(++frame, database_.page_size());
      database_.write_wal(at, bytes);
      database_.write_wal(at + kFrameHeaderSize, content);
    }
    frame = header_.last_frame;
    for (const auto& [page, content] : pages) database_.index().append_entry(++frame, page);
    header_.last_frame = frame;
    header_.page_count = page_count;
    header_.checksum = sum;
    database_.index().publish(header_);
    ++header_.change_counter;
    REQUIRE(database_.index().read_header() == header_);
  }

  // Indexes frames that are never published: a writer that died before its commit.
  void abort_after(std::uint32_t frames) {
    for (std::uint32_t i = 1; i <= frames; ++i) {
      database_.index().append_entry(header_.last_frame + i, 1 + i % 7);
    }
  }

  void restart() {
    auto& index = database_.index();
    REQUIRE(index.backfilled() == header_.last_frame);
    REQUIRE(index.try_lock_exclusive(Lock::checkpoint));
    REQUIRE(index.try_lock_exclusive(read_lock(1), 4));
    Salts salts;
    for (auto& byte : salts.bytes) byte = static_cast<std::byte>(random_());
    header_ = index.restart(header_, salts);
    index.unlock_exclusive(read_lock(1), 4);
    index.unlock_exclusive(Lock::checkpoint);
    CHECK(index.read_header() == header_);
    CHECK(index.backfilled() == 0);
    CHECK(index.read_mark(1) == 0);
    CHECK(index.read_mark(4) == kMarkNotUsed);
  }

  RawDatabase& database() { return database_; }
  const IndexHeader& header() const { return header_; }

 private:
  void write_wal_header() {
    if (header_.page_size == 0) header_.salts.bytes.fill(std::byte{0x5a});
    Header head{false, database_.page_size(), 1, header_.salts, {}};
    std::array<std::byte, kHeaderSize> bytes{};
    head.encode(bytes);
    database_.write_wal(0, bytes);
    header_.page_size = database_.page_size();
    header_.big_endian_checksums = false;
    header_.checksum = head.checksum;
  }

  RawDatabase database_;
  IndexHeader header_;
  std::mt19937 random_{7};
};

void make_source(const std::string& path, int page_size) {
  Connection source(path, Connection::Mode::create, 1000);
  source.execute(fmt::format("PRAGMA page_size={}", page_size));
  source.execute("PRAGMA journal_mode=WAL");
  source.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB)");
  source.execute("CREATE INDEX ta ON t(a)");
}

void grow_source(const std::string& path, int rows) {
  Connection source(path, Connection::Mode::read_write, 1000);
  source.execute(
      fmt::format("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{}) "
                  "INSERT INTO t(a,b) SELECT hex(randomblob(12)), randomblob(abs(random())%300) "
                  "FROM n",
                  rows));
}

std::uint32_t count(const PageMap& pages) {
  return static_cast<std::uint32_t>(pages.size());
}

}  // namespace

TEST_CASE("SQLite reads, checkpoints and extends a WAL that we appended to") {
  for (const int page_size : {512, 4096, 65536}) {
    CAPTURE(page_size);
    Scratch scratch;
    const auto source = scratch.path("source.db");
    const auto standby = scratch.path("standby.db");
    make_source(source, page_size);
    make_source(standby, page_size);
    {
      Appender appender(standby);
      for (int round = 0; round < 6; ++round) {
        grow_source(source, 200 * (round + 1));
        const auto pages = pages_of(source);
        if (round % 2 == 1) appender.abort_after(50);
        appender.commit(pages, count(pages));
        CHECK(pages_of(standby) == pages);
        CHECK(sqlite3_shell(standby, "PRAGMA integrity_check") == "ok");
        CHECK(sqlite3_shell(standby, "INSERT INTO t(a) VALUES(1)").find("locked") !=
              std::string::npos);
      }
      Connection other(standby, Connection::Mode::read_write, 1000);
      other.execute("PRAGMA wal_checkpoint(PASSIVE)");
      appender.restart();
      grow_source(source, 10);
      const auto pages = pages_of(source);
      appender.commit(pages, count(pages));
      CHECK(pages_of(standby) == pages);
    }
    CHECK(sqlite3_shell(standby, "INSERT INTO t(a) VALUES(1); PRAGMA integrity_check") == "ok");
    CHECK(sqlite3_shell(standby, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check") ==
          "0|0|0\nok");
  }
}

TEST_CASE("entries of a dead writer are cleared, also across the blocks of the index") {
  Scratch scratch;
  const auto source = scratch.path("source.db");
  const auto standby = scratch.path("standby.db");
  make_source(source, 512);
  make_source(standby, 512);
  Appender appender(standby);
  grow_source(source, 1500);
  const auto pages = pages_of(source);
  while (appender.header().last_frame < 13000) {
    appender.abort_after(4500);
    appender.commit(pages, count(pages));
    REQUIRE(pages_of(standby) == pages);
  }
  auto& index = appender.database().index();
  for (const auto& [page, content] : pages) {
    FrameNo newest = 0;
    for (FrameNo frame = 1; frame <= appender.header().last_frame; ++frame) {
      if (index.page_of(frame) == page) newest = frame;
    }
    REQUIRE(index.find_frame(page, appender.header().last_frame) == newest);
  }
  CHECK(sqlite3_shell(standby, "PRAGMA integrity_check") == "ok");
}

}  // namespace understudy::wal::test
