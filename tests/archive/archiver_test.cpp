// The archiver over real backends: what it copies comes back as the same log; nodes share a folder;
// what was rewound, dropped, full of other things or of another stream.
#include "common/archive/archiver.h"

#include "common/archive/archive_log.h"
#include "common/archive/left_over.h"
#include "common/core/errors.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace understudy::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAll = 1 << 30;

// A node's backend, and an archiver of it.
struct Copied {
  Copied(const TemporaryDirectory& folder, const std::string& name)
      : options{.directory = folder.file("archive"),
                .backend = folder.file(name + ".db"),
                .snapshots = folder.file(name + "-snapshots"),
                .node = name},
        backend(open_sqlite_backend(options.backend, test_stream(), kBase, kHistory)) {
    fs::create_directory(options.directory);
  }
  void append(const Bytes& blob) {
    const std::vector views{view(blob)};
    backend->append(views, {});
  }
  ArchiveReport archive() {
    Archiver archiver(
        options, [] { return false; }, [](const ArchiveReport&) {});
    archiver.look(true);
    return archiver.report();
  }

  ArchiveOptions options;
  std::unique_ptr<Backend> backend;
};

std::vector<std::vector<SegmentName>> runs_in(const std::string& directory) {
  return join_segments(ArchiveFolder(directory).segments());
}

// Each record once, whatever the batches.
std::vector<PartHeader> parts_after(LogReader& log, Seq after) {
  std::vector<Bytes> blobs;
  PartKey next{after + 1, 0};
  for (;;) {
    const auto some = log.read(next, 1);
    if (some.empty()) return parts_of(blobs);
    next = view(some.front()).header.next();
    blobs.push_back(some.front());
  }
}

}  // namespace

TEST_CASE("what is archived is the log: bounds, records, positions, history") {
  const TemporaryDirectory folder;
  Copied node(folder, "a");
  LogBuilder log;
  for (int i = 0; i < 10; ++i) node.append(log.batch_of(3, 200));
  CHECK(node.archive().segments == 1);
  for (int i = 0; i < 5; ++i) node.append(log.batch_of(2, 5000));
  node.append(log.open_epoch(2));
  node.append(log.batch_of(4));
  const auto report = node.archive();
  CHECK(report.segments == 1);
  CHECK(report.behind_records == 0);
  CHECK(report.last == log.last());
  CHECK(node.archive().segments == 0);  // nothing is new

  const auto runs = runs_in(node.options.directory);
  REQUIRE(runs.size() == 1);
  ArchiveLog archived(ArchiveFolder(node.options.directory), runs[0]);
  const auto own = node.backend->open_reader();
  CHECK(archived.bounds().base == own->bounds().base);
  CHECK(archived.bounds().last == own->bounds().last);
  CHECK(archived.history() == own->history());
  CHECK(archived.read({1, 0}, kAll).size() == 10);  // of one segment at a time
  for (Seq seq = 0; seq <= own->bounds().last.seq; ++seq) {
    REQUIRE(archived.position_at(seq) == own->position_at(seq));
  }
  CHECK_FALSE(archived.position_at(own->bounds().last.seq + 1).has_value());
  const auto mine = parts_after(archived, 0);
  const auto theirs = parts_after(*own, 0);
  REQUIRE(mine.size() == theirs.size());
  for (std::size_t i = 0; i < mine.size(); ++i) REQUIRE(mine[i].seq == theirs[i].seq);
}

TEST_CASE("a segment is closed at its size, and a huge record is not parted") {
  const TemporaryDirectory folder;
  Copied node(folder, "a");
  LogBuilder log;
  for (int i = 0; i < 40; ++i) node.append(log.batch_of(1, 1'000'000));
  for (int i = 0; i < 20; ++i) node.append(log.part(1'000'000, false).batch());
  node.append(log.part(1000, true).batch());
  CHECK(node.archive().behind_records == 0);
  const auto names = ArchiveFolder(node.options.directory).segments();
  REQUIRE(names.size() == 3);
  CHECK(names[0].last == 17);
  CHECK(names[1].last == 34);
  CHECK(names[2].last == 41);
  CHECK(runs_in(node.options.directory).size() == 1);
}

TEST_CASE("another node goes on where the first one ended, and fills holes") {
  const TemporaryDirectory folder;
  Copied first(folder, "a");
  Copied second(folder, "b");
  LogBuilder log;
  std::vector<Bytes> blobs;
  for (int i = 0; i < 6; ++i) blobs.push_back(log.batch_of(5));
  for (int i = 0; i < 3; ++i) first.append(blobs[static_cast<std::size_t>(i)]);
  CHECK(first.archive().segments == 1);
  for (const auto& blob : blobs) second.append(blob);
  CHECK(second.archive().segments == 1);
  auto names = ArchiveFolder(first.options.directory).segments();
  REQUIRE(names.size() == 2);
  CHECK(names[1].first == 16);
  CHECK(runs_in(first.options.directory).size() == 1);
  // Somebody lost a file: whoever has the records puts them there again.
  fs::remove(ArchiveFolder(first.options.directory).path_of(names[0]));
  CHECK(second.archive().last == log.last());
  CHECK(ArchiveFolder(first.options.directory).segments().front().first == 1);
}

TEST_CASE("a branch that was left: the new primary's records go on from what is shared") {
  const TemporaryDirectory folder;
  Copied old_primary(folder, "a");
  Copied new_primary(folder, "b");
  LogBuilder log;
  const auto shared = log.batch_of(5);
  old_primary.append(shared);
  new_primary.append(shared);
  CHECK(old_primary.archive().segments == 1);
  auto lost = log;
  old_primary.append(lost.batch_of(4));
  CHECK(old_primary.archive().segments == 1);
  new_primary.append(log.open_epoch(2));
  new_primary.append(log.batch_of(7));
  CHECK(new_primary.archive().last == log.last());
  const auto runs = runs_in(old_primary.options.directory);
  REQUIRE(runs.size() == 2);
  // The old one follows: rewound, and with the new one's records. It adds nothing.
  old_primary.backend->rewind(5);
  for (const auto& blob : new_primary.backend->open_reader()->read({6, 0}, kAll)) {
    old_primary.append(blob);
  }
  const auto report = old_primary.archive();
  CHECK(report.last == log.last());
  CHECK(report.segments == 0);
}

TEST_CASE("one archiver, and a log that is rewound and dropped under it") {
  const TemporaryDirectory folder;
  Copied node(folder, "a");
  LogBuilder log;
  node.append(log.batch_of(5));
  Archiver archiver(
      node.options, [] { return false; }, [](const ArchiveReport&) {});
  archiver.look(true);
  auto branch = log;
  node.append(branch.batch_of(3));
  archiver.look(true);
  CHECK(archiver.report().last == branch.last());
  node.backend->rewind(5);
  node.append(log.open_epoch(2));
  archiver.look(true);
  CHECK(archiver.report().last == log.last());
  // The queue begins behind all that was archived.
  const Position later{2, 100, sum_after(100)};
  node.backend->reset(later, node.backend->history());
  LogBuilder after(later);
  node.append(after.batch_of(2));
  archiver.look(true);
  CHECK(archiver.report().last == after.last());
  CHECK(runs_in(node.options.directory).size() == 3);
}

TEST_CASE("what is not an archive is left as it is") {
  const TemporaryDirectory folder;
  Copied node(folder, "a");
  LogBuilder log;
  node.append(log.batch_of(5));
  SUBCASE("a folder that is not there is not made") {
    fs::remove(node.options.directory);
    CHECK_THROWS_AS(node.archive(), ConfigError);
    CHECK_FALSE(fs::exists(node.options.directory));
  }
  SUBCASE("a folder of somebody's") {
    std::ofstream(node.options.directory + "/letter.txt") << "dear";
    CHECK_THROWS_AS(node.archive(), ConfigError);
    CHECK(std::distance(fs::directory_iterator(node.options.directory), {}) == 1);
  }
  SUBCASE("an archive of another stream") {
    ArchiveFolder(node.options.directory).claim(StreamId::random(), false);
    CHECK_THROWS_AS(node.archive(), ConfigError);
    CHECK(ArchiveFolder(node.options.directory).segments().empty());
  }
  SUBCASE("one that is gone while it is written to is not begun anew") {
    Archiver archiver(
        node.options, [] { return false; }, [](const ArchiveReport&) {});
    archiver.look(true);
    fs::remove_all(node.options.directory);
    fs::create_directory(node.options.directory);
    CHECK_THROWS_AS(archiver.look(true), ConfigError);
    CHECK(fs::is_empty(node.options.directory));
  }
  SUBCASE("a mark that was changed") {
    CHECK(node.archive().segments == 1);
    const auto mark = node.options.directory + "/understudy-archive";
    std::ofstream(mark) << "understudy archive 2\nstream later\n";
    CHECK_THROWS_AS(node.archive(), ConfigError);
    std::ofstream(mark) << "understudy archive 1\nstream nonsense\n";
    CHECK_THROWS_AS(node.archive(), CorruptionError);
  }
}

TEST_CASE("unfinished files: those of processes that are gone, of this node alone") {
  const TemporaryDirectory folder;
  const auto make = [&](const std::string& name) { std::ofstream(folder.file(name)) << "x"; };
  const auto mine = partial_name("a");
  make(mine);
  constexpr const char* kGone = "999999999";  // beyond the kernel's largest
  make(std::string("a.") + kGone + ".0123456789abcdef.1.partial");
  make(std::string("b.") + kGone + ".0123456789abcdef.1.partial");
  make(std::string("a.5.") + kGone + ".0123456789abcdef.1.partial");  // of a node "a.5"
  make("a.letter.partial");
  remove_left_over(folder.file(""), "a");
  CHECK(fs::exists(folder.file(mine)));
  CHECK_FALSE(fs::exists(folder.file(std::string("a.") + kGone + ".0123456789abcdef.1.partial")));
  CHECK(fs::exists(folder.file(std::string("b.") + kGone + ".0123456789abcdef.1.partial")));
  CHECK(fs::exists(folder.file(std::string("a.5.") + kGone + ".0123456789abcdef.1.partial")));
  CHECK(fs::exists(folder.file("a.letter.partial")));
}

}  // namespace understudy::test
