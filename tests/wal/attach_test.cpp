// Attaching: each refusal has its own words and changes nothing; a live database is read rightly.
#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/wal/attachable.h"
#include "common/wal/lock_probe.h"
#include "common/wal/raw_database.h"
#include "tests/wal/scratch.h"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <fstream>

namespace understudy::wal::test {
namespace {

std::string refusal(const std::string& path) {
  try {
    RawDatabase database(path);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("what cannot be attached to is refused in words of its own") {
  Scratch scratch;
  CHECK(contains(refusal(scratch.path("none.db")), "there is no database"));
  CHECK(contains(refusal(scratch.path(".")), "is not a file"));
  std::ofstream(scratch.path("empty.db")).flush();
  CHECK(contains(refusal(scratch.path("empty.db")), "is empty"));
  std::ofstream(scratch.path("text.db")) << std::string(5000, 'x');
  CHECK(contains(refusal(scratch.path("text.db")), "not an SQLite database, or it is encrypted"));
  Connection(scratch.path("rollback.db"), Connection::Mode::create).execute("CREATE TABLE t(a)");
  const auto before = content_of(scratch.path("rollback.db"));
  CHECK(contains(refusal(scratch.path("rollback.db")), "rollback-journal mode"));
  CHECK(content_of(scratch.path("rollback.db")) == before);

  Connection exclusive(scratch.path("exclusive.db"), Connection::Mode::create);
  exclusive.execute("PRAGMA locking_mode=EXCLUSIVE");
  exclusive.execute("PRAGMA journal_mode=WAL");
  exclusive.execute("CREATE TABLE t(a)");
  CHECK(contains(refusal(scratch.path("exclusive.db")), "locked exclusively"));
  CHECK(network_file_system(0x6969) == std::string("NFS"));
  CHECK(network_file_system(0xef53) == nullptr);      // ext4
  CHECK(network_file_system(0x01021994) == nullptr);  // tmpfs
}

TEST_CASE("attaching and closing leave the database file and its WAL as they are") {
  Scratch scratch;
  const auto path = scratch.path();
  Connection application(path, Connection::Mode::create);
  application.execute("PRAGMA journal_mode=WAL");
  application.execute("CREATE TABLE t(a)");
  const auto file = content_of(path);
  const auto wal = content_of(path + "-wal");
  {
    RawDatabase database(path);
    CHECK(database.wal_bytes() == wal.size());
  }
  CHECK(content_of(path) == file);
  CHECK(content_of(path + "-wal") == wal);
}

TEST_CASE("header, frames and pages of a real WAL, for every page size") {
  for (int page_size = 512; page_size <= 65536; page_size *= 2) {
    CAPTURE(page_size);
    Scratch scratch;
    const auto path = scratch.path();
    Connection application(path, Connection::Mode::create);
    application.execute(fmt::format("PRAGMA page_size={}", page_size));
    application.execute("PRAGMA journal_mode=WAL");
    application.execute("PRAGMA wal_autocheckpoint=0");
    application.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a BLOB)");
    // Small pages fill more than two blocks of the index.
    for (int i = 0; i < (page_size == 512 ? 2500 : 30); ++i) {
      application.execute("INSERT INTO t(a) VALUES(randomblob(1200))");
    }
    RawDatabase database(path);
    REQUIRE(database.page_size() == static_cast<std::uint32_t>(page_size));
    const auto header = database.index().read_header();
    REQUIRE(header);
    CHECK(database.index().still_at(*header));
    if (page_size == 512) CHECK(header->last_frame > 4062 + 4096);

    std::array<std::byte, kHeaderSize> head{};
    REQUIRE(database.read_wal(0, head) == head.size());
    const auto decoded = Header::decode(head);
    REQUIRE(decoded);
    CHECK(decoded->salts == header->salts);
    Checksum sum = decoded->checksum;
    std::vector<FrameNo> newest(header->page_count + 1, 0);
    Bytes frame(kFrameHeaderSize + static_cast<std::size_t>(page_size));
    for (FrameNo number = 1; number <= header->last_frame; ++number) {
      REQUIRE(database.read_wal(frame_offset(number, database.page_size()), frame) == frame.size());
      const auto bytes = std::span<const std::byte>(frame).first<kFrameHeaderSize>();
      sum = frame_checksum(sum, bytes, ByteView(frame).subspan(kFrameHeaderSize), false);
      REQUIRE(FrameHeader::decode(bytes).checksum == sum);
      REQUIRE(database.index().page_of(number) == FrameHeader::decode(bytes).page);
      newest.at(FrameHeader::decode(bytes).page) = number;
    }
    CHECK(sum == header->checksum);

    sqlite3_int64 size = 0;
    auto* image = sqlite3_serialize(application.handle(), "main", &size, 0);
    Bytes page(static_cast<std::size_t>(page_size));
    for (PageNo number = 1; number <= header->page_count; ++number) {
      REQUIRE(database.index().find_frame(number, header->last_frame) == newest[number]);
      REQUIRE(database.read_page(number, header->last_frame, page) == newest[number]);
      REQUIRE(std::memcmp(page.data(), image + std::size_t{number - 1} * page.size(),
                          page.size()) == 0);
    }
    sqlite3_free(image);
    CHECK(database.index().find_frame(header->page_count + 1, header->last_frame) == 0);
  }
}

TEST_CASE("the probe names another process that holds a lock, and takes none") {
  Scratch scratch;
  const auto path = scratch.path();
  Connection(path, Connection::Mode::create).execute("PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  RawDatabase database(path);
  const LockProbe probe(path);
  CHECK(!probe.holder(Lock::write));
  FILE* shell = ::popen(fmt::format("sqlite3 '{}' >/dev/null", path).c_str(), "w");
  REQUIRE(shell != nullptr);
  std::fputs("BEGIN IMMEDIATE;\n", shell);
  std::fflush(shell);
  for (int i = 0; i < 5000 && !probe.holder(Lock::write); ++i) ::usleep(1000);
  CHECK(probe.holder(Lock::write).has_value());
  CHECK(!probe.holder(Lock::checkpoint));
  ::pclose(shell);
  CHECK(!probe.holder(Lock::write));
}

}  // namespace understudy::wal::test
