// The file of page hashes: what is saved comes back, no more is written than changed, and damage
// is refused.
#include "common/core/errors.h"
#include "tests/record/hash_table_steps.h"
#include "tests/record/recording_vfs.h"
#include "tests/record/schema_example.h"
#include "tests/support/temporary_directory.h"

#include <cstdio>

using namespace understudy;
using namespace understudy::testing;

TEST_CASE("tables of all sizes come back, with their seq") {
  const test::TemporaryDirectory folder;
  Random random(52);
  for (const PageNo count : {0u, 1u, 510u, 511u, 512u, 1022u, 1023u, 20000u}) {
    const auto path = folder.file("page-hashes-" + std::to_string(count));
    auto table = random_table(random, std::max(count, 1u));
    table.resize(count);
    table.save(path, kStream, 77);
    const auto loaded = PageHashes::load(path, kStream);
    REQUIRE(loaded);
    CHECK(loaded->seq == 77);
    CHECK(equal(loaded->table, table));
    CHECK_FALSE(PageHashes::load(path, StreamId{}));
    CHECK_FALSE(PageHashes::load(folder.file("none"), kStream));
  }
}

TEST_CASE("golden file: the example of schemas/page-hashes.md") {
  const auto header = from_hex(schema_example("page-hashes.md"));
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  PageHashes table(512);
  table.set(1, 0x1122334455667788);
  table.set(2, 2);
  table.save(path, kStream, 300);
  const auto bytes = read_file(path);
  REQUIRE(bytes.size() == 8192);
  CHECK(to_hex(ByteView(bytes).first(48)) == to_hex(header));
  CHECK(to_hex(ByteView(bytes).subspan(4096, 24)) ==
        "88776655443322110200000000000000"
        "0000000000000000");
  CHECK(to_hex(ByteView(bytes).last(8)) == "01a5ee529f9f4057");
}

TEST_CASE("a save writes what changed since the last one, loaded tables too") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(53);
  auto table = random_table(random, 20000);
  table.save(path, kStream, 1, vfs.name());
  const auto change_one = [&](PageHashes& changed, Seq seq) {
    (void)vfs.take_operations();
    changed.set(9999, random());
    changed.save(path, kStream, seq, vfs.name());
    const auto operations = vfs.take_operations();
    REQUIRE(operations.size() == 4);
    CHECK(operations[0].kind == FileOperation::Kind::write);
    CHECK(operations[0].at == 4096 + 4096 * (9998 / 511));
    CHECK(operations[0].bytes.size() == 4096);
    CHECK(operations[1].kind == FileOperation::Kind::sync);
    CHECK(operations[2].at == 0);
    CHECK(operations[3].kind == FileOperation::Kind::sync);
  };
  change_one(table, 2);
  auto loaded = PageHashes::load(path, kStream);
  REQUIRE(loaded);
  change_one(loaded->table, 3);
  CHECK(equal(PageHashes::load(path, kStream)->table, loaded->table));
}

TEST_CASE("a table saved over the file of another replaces all of it") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  Random random(54);
  auto first = random_table(random, 2000);
  auto second = random_table(random, 1500);
  first.save(path, kStream, 5);
  second.save(path, kStream, 5);
  CHECK(equal(PageHashes::load(path, kStream)->table, second));
  first.set(1, 1);  // thinks that the file holds what it saved there
  first.save(path, kStream, 6);
  CHECK(equal(PageHashes::load(path, kStream)->table, first));
  write_file(path, random_bytes(random, 30000));
  first.set(2, 1);
  first.save(path, kStream, 7);
  CHECK(equal(PageHashes::load(path, kStream)->table, first));
}

TEST_CASE("whatever is done between two saves, the file holds the table") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  Random random(64);
  PageHashes table(kPageSize);
  for (Seq seq = 1; seq <= 400; ++seq) {
    for (auto actions = below(random, 6); actions > 0; --actions) {
      const auto page = static_cast<PageNo>(1 + below(random, 1600));
      if (below(random, 2) == 0) {
        table.resize(page);
      } else {
        table.set(page, random());
      }
    }
    table.save(path, kStream, seq);
    auto loaded = PageHashes::load(path, kStream);
    REQUIRE(loaded);
    REQUIRE(loaded->seq == seq);
    REQUIRE(equal(loaded->table, table));
    if (below(random, 3) == 0) table = std::move(loaded->table);
  }
}

TEST_CASE("entries that a cut-off save left beyond the end do not come back when the table grows") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(65);
  auto table = random_table(random, 100);
  table.save(path, kStream, 1);
  Bytes header(48);
  REQUIRE(File(path, File::Mode::read_only).read(0, header) == 48);
  apply(table, random_step(random, 100, 200));
  vfs.fail_at(3);  // block, sync, header
  CHECK_THROWS_AS(table.save(path, kStream, 2, vfs.name()), IoError);
  File(path, File::Mode::read_write).write(0, header);  // which half a write has torn
  auto loaded = PageHashes::load(path, kStream);
  REQUIRE(loaded);
  REQUIRE(loaded->table.page_count() == 100);
  loaded->table.resize(150);
  loaded->table.save(path, kStream, 3);
  CHECK(equal(PageHashes::load(path, kStream)->table, loaded->table));
}

TEST_CASE("a file cut anywhere is refused") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  Random random(58);
  random_table(random, 5).save(path, kStream, 9);
  const auto bytes = read_file(path);
  for (std::size_t size = bytes.size(); size-- > 0;) {
    File(path, File::Mode::read_write).truncate(size);
    CHECK_FALSE(PageHashes::load(path, kStream));
  }
}

TEST_CASE("a file with any bit flipped is refused, but for the unused bytes behind its header") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  Random random(59);
  auto table = random_table(random, 5);
  table.save(path, kStream, 9);
  auto bytes = read_file(path);
  File file(path, File::Mode::read_write);
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto flipped = bytes[at] ^ static_cast<std::byte>(1u << bit);
      file.write(at, {&flipped, 1});
      if (const auto loaded = PageHashes::load(path, kStream)) {
        ++accepted;
        CHECK((loaded->seq == 9 && equal(loaded->table, table)));
      }
    }
    file.write(at, {&bytes[at], 1});
  }
  CHECK(accepted == (4096 - 48) * 8);
  std::printf("understudy-count: cuts and flips of page-hashes=%zu\n", bytes.size() * 9);
}

TEST_CASE("blocks that changed places are refused") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  Random random(61);
  random_table(random, 1500).save(path, kStream, 9);
  auto bytes = read_file(path);
  std::swap_ranges(bytes.begin() + 4096, bytes.begin() + 8192, bytes.begin() + 8192);
  write_file(path, bytes);
  CHECK_FALSE(PageHashes::load(path, kStream));
}
