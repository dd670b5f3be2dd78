// The file of the table. Whatever state a crash, a failed call or damage leaves it in, load()
// answers nullopt, or a table that rolling the later records over it makes exact.
#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/record/page_hashes.h"
#include "tests/record/random_bytes.h"
#include "tests/record/recording_vfs.h"
#include "tests/record/schema_example.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

using namespace understudy;
using testing::FileOperation;
using testing::RecordingVfs;

namespace {

constexpr std::uint32_t kPageSize = 4096;
const StreamId kStream = *StreamId::parse("000102030405060708090a0b0c0d0e0f");

// What a record does to the table.
struct Step {
  std::vector<std::pair<PageNo, PageHash>> changes;
  PageNo page_count = 0;
};

// Changes some pages; a database that grows has all its new pages written, as SQLite does it.
Step random_step(testing::Random& random, PageNo old_count, PageNo page_count) {
  Step step;
  step.page_count = page_count;
  for (int i = 0; i < 10; ++i) {
    step.changes.emplace_back(1 + testing::below(random, page_count), random());
  }
  for (PageNo page = old_count + 1; page <= page_count; ++page) {
    step.changes.emplace_back(page, random());
  }
  return step;
}

void apply(PageHashes& table, const Step& step) {
  for (const auto& [page, hash] : step.changes) table.set(page, hash);
  table.resize(step.page_count);
}

bool equal(const PageHashes& a, const PageHashes& b) {
  if (a.page_count() != b.page_count() || a.page_size() != b.page_size()) return false;
  for (PageNo page = 1; page <= a.page_count(); ++page) {
    if (a.get(page) != b.get(page)) return false;
  }
  return a.sum() == b.sum() && a.sum() == a.recount();
}

Bytes read_file(const std::string& path) {
  const File file(path, File::Mode::read_only);
  Bytes bytes(file.size());
  REQUIRE(file.read(0, bytes) == bytes.size());
  return bytes;
}

void write_file(const std::string& path, ByteView bytes) {
  File file(path, File::Mode::create);
  file.truncate(0);
  file.write(0, bytes);
}

void perform(Bytes& image, const FileOperation& operation) {
  if (operation.kind == FileOperation::Kind::truncate) image.resize(operation.at);
  if (operation.kind != FileOperation::Kind::write) return;
  image.resize(std::max(image.size(), operation.at + operation.bytes.size()));
  std::copy(operation.bytes.begin(), operation.bytes.end(),
            image.begin() + static_cast<std::ptrdiff_t>(operation.at));
}

// All that a power cut behind `done` operations can leave: what was synced, and of the operations
// after that none, all, each alone, all but each, and each torn between two
// sectors (a sector is written whole or not at all).
std::vector<Bytes> crash_images(const Bytes& start, std::span<const FileOperation> done) {
  std::size_t synced = done.size();
  while (synced > 0 && done[synced - 1].kind != FileOperation::Kind::sync) --synced;
  Bytes durable = start;
  for (const auto& operation : done.first(synced)) perform(durable, operation);
  const auto pending = done.subspan(synced);
  std::vector<Bytes> images{durable, durable};
  for (const auto& operation : pending) perform(images[1], operation);
  for (std::size_t one = 0; one < pending.size(); ++one) {
    images.push_back(durable);
    perform(images.back(), pending[one]);
    images.push_back(durable);
    for (std::size_t i = 0; i < pending.size(); ++i) {
      if (i != one) perform(images.back(), pending[i]);
    }
    auto torn = pending[one];
    torn.bytes.resize(std::min(torn.bytes.size(), torn.bytes.size() / 1024 * 512 + 512));
    images.push_back(durable);
    for (const auto& operation : pending.first(one)) perform(images.back(), operation);
    perform(images.back(), torn);
  }
  return images;
}

struct Outcomes {
  int old_state = 0;
  int new_state = 0;
  int refused = 0;
};

// Loads what is at `path` and rolls it forward, if it is of `old_seq`, by `steps`.
void check_state(const std::string& path, Seq old_seq, const std::vector<Step>& steps,
                 const PageHashes& truth, Outcomes& outcomes) {
  auto loaded = PageHashes::load(path, kStream);
  if (!loaded) {
    ++outcomes.refused;
    return;
  }
  if (loaded->seq == old_seq) {
    ++outcomes.old_state;
    for (const auto& step : steps) apply(loaded->table, step);
  } else {
    REQUIRE(loaded->seq == old_seq + steps.size());
    ++outcomes.new_state;
  }
  REQUIRE(equal(loaded->table, truth));
}

PageHashes random_table(testing::Random& random, PageNo page_count) {
  PageHashes table(kPageSize);
  apply(table, random_step(random, 0, page_count));
  return table;
}

// Three records that leave the table with `page_count` pages, by way of fewer and of more.
std::vector<Step> random_steps(testing::Random& random, PageNo from, PageNo to) {
  const PageNo less = std::min(from, to) / 2 + 1;
  const PageNo more = std::max(from, to) + 700;
  return {random_step(random, from, less), random_step(random, less, more),
          random_step(random, more, to)};
}

}  // namespace

TEST_CASE("tables of all sizes come back, with their seq") {
  const test::TemporaryDirectory folder;
  testing::Random random(52);
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
  const auto header = testing::from_hex(testing::schema_example("page-hashes.md"));
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  PageHashes table(512);
  table.set(1, 0x1122334455667788);
  table.set(2, 2);
  table.save(path, kStream, 300);
  const auto bytes = read_file(path);
  REQUIRE(bytes.size() == 8192);
  CHECK(testing::to_hex(ByteView(bytes).first(48)) == testing::to_hex(header));
  CHECK(testing::to_hex(ByteView(bytes).subspan(4096, 24)) ==
        "88776655443322110200000000000000"
        "0000000000000000");
  CHECK(testing::to_hex(ByteView(bytes).last(8)) == "01a5ee529f9f4057");
}

TEST_CASE("a save writes what changed since the last one, loaded tables too") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  testing::Random random(53);
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
  testing::Random random(54);
  auto first = random_table(random, 2000);
  auto second = random_table(random, 1500);
  first.save(path, kStream, 5);
  second.save(path, kStream, 5);
  CHECK(equal(PageHashes::load(path, kStream)->table, second));
  first.set(1, 1);  // thinks that the file holds what it saved there
  first.save(path, kStream, 6);
  CHECK(equal(PageHashes::load(path, kStream)->table, first));
  write_file(path, testing::random_bytes(random, 30000));
  first.set(2, 1);
  first.save(path, kStream, 7);
  CHECK(equal(PageHashes::load(path, kStream)->table, first));
}

TEST_CASE("a power cut at any instant of a save leaves a table that rolls forward to the truth") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  testing::Random random(55);
  Outcomes outcomes;
  const std::pair<PageNo, PageNo> sizes[] = {{3000, 3000}, {3000, 900}, {900, 3000}, {511, 512}};
  for (const auto& [from, to] : sizes) {
    auto table = random_table(random, from);
    table.save(path, kStream, 100, vfs.name());
    const auto start = read_file(path);
    const auto steps = random_steps(random, from, to);
    for (const auto& step : steps) apply(table, step);
    (void)vfs.take_operations();
    table.save(path, kStream, 103, vfs.name());
    const auto operations = vfs.take_operations();
    for (std::size_t done = 0; done <= operations.size(); ++done) {
      for (const auto& image : crash_images(start, std::span(operations).first(done))) {
        write_file(path, image);
        check_state(path, 100, steps, table, outcomes);
      }
    }
  }
  CHECK(outcomes.old_state > 20);
  CHECK(outcomes.new_state > 10);
  CHECK(outcomes.refused > 0);  // blocks torn in the middle
}

TEST_CASE("a power cut while a file of other contents is replaced") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  testing::Random random(56);
  auto old_table = random_table(random, 2000);
  old_table.save(path, kStream, 100);
  const auto start = read_file(path);
  const auto steps = random_steps(random, 2000, 1800);
  for (const auto& step : steps) apply(old_table, step);
  PageHashes scanned(kPageSize);  // made from the database, not from the file
  for (PageNo page = 1; page <= 1800; ++page) scanned.set(page, old_table.get(page));
  scanned.save(path, kStream, 103, vfs.name());
  const auto operations = vfs.take_operations();
  Outcomes outcomes;
  for (std::size_t done = 0; done <= operations.size(); ++done) {
    for (const auto& image : crash_images(start, std::span(operations).first(done))) {
      write_file(path, image);
      check_state(path, 100, steps, scanned, outcomes);
    }
  }
  CHECK(outcomes.old_state > 0);
  CHECK(outcomes.new_state > 0);
  CHECK(outcomes.refused > 0);
}

TEST_CASE("the n-th call fails, for every n: the file stays usable, and the next save is whole") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  testing::Random random(57);
  int failures = 0;
  for (const PageNo to : {3000u, 900u}) {
    for (bool has_failed = true; has_failed;) {
      const int n = ++failures;
      auto table = random_table(random, 2000);
      table.save(path, kStream, 100);
      const auto steps = random_steps(random, 2000, to);
      for (const auto& step : steps) apply(table, step);
      vfs.fail_at(n);
      try {
        table.save(path, kStream, 103, vfs.name());
        has_failed = false;
        failures = 0;
      } catch (const IoError&) {
        CHECK(vfs.has_failed());
      }
      vfs.fail_at(0);
      Outcomes outcomes;
      check_state(path, 100, steps, table, outcomes);
      const Step last = random_step(random, to, to);
      apply(table, last);
      table.save(path, kStream, 104);
      const auto loaded = PageHashes::load(path, kStream);
      REQUIRE(loaded);
      REQUIRE(loaded->seq == 104);
      REQUIRE(equal(loaded->table, table));
      CHECK((has_failed || n > 4));
    }
  }
}

TEST_CASE("a file cut anywhere is refused") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  testing::Random random(58);
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
  testing::Random random(59);
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
}

TEST_CASE("blocks that changed places are refused") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("page-hashes");
  testing::Random random(61);
  random_table(random, 1500).save(path, kStream, 9);
  auto bytes = read_file(path);
  std::swap_ranges(bytes.begin() + 4096, bytes.begin() + 8192, bytes.begin() + 8192);
  write_file(path, bytes);
  CHECK_FALSE(PageHashes::load(path, kStream));
}
