// Crashes and failures in the middle of a save. Whatever they leave in the file, load() answers
// nullopt, or a table that rolling the later records over it makes exact.
#include "common/core/errors.h"
#include "tests/record/hash_table_steps.h"
#include "tests/record/recording_vfs.h"
#include "tests/support/temporary_directory.h"

#include <cstdio>

using namespace understudy;
using namespace understudy::testing;

namespace {

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

}  // namespace

TEST_CASE("a power cut at any instant of a save leaves a table that rolls forward to the truth") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(55);
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
  std::printf("understudy-count: power cuts of page-hashes=%d\n",
              outcomes.old_state + outcomes.new_state + outcomes.refused);
}

TEST_CASE("a kill at any instant of a save costs nothing: the file still loads") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(62);
  for (const PageNo to : {3000u, 900u, 5000u}) {
    auto table = random_table(random, 3000);
    table.save(path, kStream, 100, vfs.name());
    auto image = read_file(path);
    const auto steps = random_steps(random, 3000, to);
    for (const auto& step : steps) apply(table, step);
    (void)vfs.take_operations();
    table.save(path, kStream, 103, vfs.name());
    Outcomes outcomes;
    for (const auto& operation : vfs.take_operations()) {
      perform(image, operation);
      write_file(path, image);
      check_state(path, 100, steps, table, outcomes);
    }
    CHECK(outcomes.refused == 0);
    CHECK(outcomes.old_state > 1);
    CHECK(outcomes.new_state > 1);
  }
}

TEST_CASE(
    "a power cut while a later table is replaced by an earlier one: one or the other, or none") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(63);
  auto later = random_table(random, 2000);
  later.save(path, kStream, 103);
  const auto start = read_file(path);
  auto earlier = random_table(random, 2000);  // of a node that was rewound, say
  earlier.save(path, kStream, 100, vfs.name());
  const auto operations = vfs.take_operations();
  int refused = 0;
  for (std::size_t done = 0; done <= operations.size(); ++done) {
    for (const auto& image : crash_images(start, std::span(operations).first(done))) {
      write_file(path, image);
      const auto loaded = PageHashes::load(path, kStream);
      if (!loaded)
        ++refused;
      else if (loaded->seq == 103)
        REQUIRE(equal(loaded->table, later));
      else
        REQUIRE((loaded->seq == 100 && equal(loaded->table, earlier)));
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a power cut while a file of other contents is replaced") {
  const test::TemporaryDirectory folder;
  RecordingVfs vfs;
  const auto path = folder.file("page-hashes");
  Random random(56);
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
  Random random(57);
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
