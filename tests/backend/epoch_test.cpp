// The history of a backend: openings go in with their records, stay when these are trimmed, go when
// these are taken back; files of the version before have one. And rewind(), against a list of
// positions that the test keeps by itself.
#include "common/backend/backend.h"
#include "common/backend/open_epoch.h"
#include "common/core/errors.h"
#include "common/record/record.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/backend/older_file.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <random>

namespace understudy::test {
namespace {

constexpr RetentionPolicy kNothingKept{.max_bytes = 0};

void append(Backend& backend, const Bytes& blob, ByteView cursor = {}) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, cursor);
}

std::vector<Epoch> epochs(const History& history) {
  std::vector<Epoch> found;
  for (const auto& start : history) found.push_back(start.epoch);
  return found;
}

using Epochs = std::vector<Epoch>;

TEST_CASE("an epoch record brings its opening into the history, for readers and after reopening") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  CHECK(backend->history() == kHistory);
  const auto reader = backend->open_reader();
  CHECK(reader->history() == kHistory);
  LogBuilder log;
  append(*backend, log.batch_of(4));
  // Two epochs in one call, with records of theirs.
  const std::vector<Bytes> blobs{log.open_epoch(2, {"b", 21, "promote"}), log.batch_of(2),
                                 log.open_epoch(7, {"c", 22, "forced"}), log.batch_of(1)};
  std::vector<BatchView> views;
  for (const auto& blob : blobs) views.push_back(view(blob));
  backend->append(views, {});
  const auto history = backend->history();
  CHECK(epochs(history) == Epochs{1, 2, 7});
  CHECK(history[1].node == "b");
  CHECK(history[1].tenure == 21);
  CHECK(history[1].first_seq == 5);
  CHECK(history[1].sum == sum_after(4));
  CHECK(history[1].reason == "promote");
  CHECK(history[2].first_seq == 8);
  CHECK(is_sound(history));
  CHECK(reader->history() == history);
  backend->trim(kNothingKept, log.last().seq);
  CHECK(backend->bounds().bytes == 0);
  CHECK(backend->history() == history);
  backend = open_sqlite_backend(path);
  CHECK(backend->history() == history);
}

TEST_CASE("an epoch that rises without the record that opens it is refused; the log goes on") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  append(*backend, log.batch_of(3));
  for (const bool is_open : {false, true}) {
    LogBuilder other = log;
    other.set_epoch(2);
    const Bytes blob = is_open ? other.part(10, false).batch() : other.batch_of(1);
    CHECK_THROWS_AS(append(*backend, blob), CorruptionError);
    CHECK(backend->bounds().next == log.next());
    CHECK(backend->history() == kHistory);
  }
  append(*backend, log.open_epoch(2));
  append(*backend, log.batch_of(1));
  CHECK(open_sqlite_backend(path)->bounds().last == log.last());
}

TEST_CASE("open_epoch: one record, durable, with its cursor") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  append(*backend, log.batch_of(3), Bytes(20, std::byte{1}));
  const auto start = open_epoch(*backend, "me", "the old one\nis gone", {}, 512, 100);
  CHECK(start.epoch == 2);
  CHECK(start.first_seq == 4);
  CHECK(start.sum == sum_after(3));
  CHECK(start.reason == "the old one?is gone");
  CHECK(backend->cursor() == Bytes(20, std::byte{1}));
  const auto higher =
      open_epoch(*backend, "me", std::string(1000, 'x'), Bytes(20, std::byte{2}), 512, 100, 9);
  CHECK(higher.epoch == 9);
  CHECK(higher.tenure != start.tenure);
  backend = open_sqlite_backend(path);
  CHECK(backend->bounds().last == Position{9, 5, sum_after(3)});
  CHECK(backend->history().back() == higher);
  CHECK(backend->cursor() == Bytes(20, std::byte{2}));
  CHECK(parts_of(backend->open_reader()->read({4, 0}, 1))[0].kind == RecordKind::epoch);
}

TEST_CASE("a file of version 2 keeps its history and its cursor, and loses its index") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  LogBuilder log;
  append(*open_sqlite_backend(path, test_stream(), kBase, kHistory), log.batch_of(3));
  open_sqlite_backend(path)->set_cursor(Bytes(20, std::byte{7}));
  make_older(path, 2);
  CHECK(open_sqlite_log_reader(path)->position_at(2) == Position{1, 2, sum_after(2)});
  auto backend = open_sqlite_backend(path);
  CHECK(backend->history() == kHistory);
  CHECK(backend->cursor() == Bytes(20, std::byte{7}));
  append(*backend, log.batch_of(1), Bytes(20, std::byte{8}));
  backend = open_sqlite_backend(path);
  CHECK(backend->cursor() == Bytes(20, std::byte{8}));
  CHECK(backend->bounds().last == log.last());
  Connection shell(path, Connection::Mode::read_only);
  CHECK(shell.query_integer("SELECT count(*) FROM sqlite_schema WHERE type = 'index'") == 0);
  CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a file of version 1 is read as it is, and upgraded by whoever opens it for writing") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  LogBuilder log;
  append(*open_sqlite_backend(path, test_stream(), kBase, kHistory), log.batch_of(3));
  make_older(path, 1);
  const History expected{unrecorded_first_epoch(test_stream())};
  const auto reader = open_sqlite_log_reader(path);
  CHECK(reader->history() == expected);
  CHECK(reader->bounds().last == log.last());
  auto backend = open_sqlite_backend(path);
  CHECK(backend->history() == expected);
  CHECK(reader->history() == expected);
  append(*backend, log.open_epoch(2));
  CHECK(reader->history().size() == 2);
  backend = open_sqlite_backend(path);
  CHECK(backend->history().size() == 2);
  Connection shell(path, Connection::Mode::read_only);
  CHECK(shell.query_integer("PRAGMA user_version") == 3);
  CHECK(shell.query_integer("SELECT count(*) FROM epoch") == 2);
  CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a trimmed log of version 1 has the same history as one that was not trimmed") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  LogBuilder log;
  {
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    append(*backend, log.batch_of(30));
    backend->trim(kNothingKept, 30);
  }
  make_older(path, 1);
  CHECK(open_sqlite_backend(path)->history() == History{unrecorded_first_epoch(test_stream())});
}

// Appends batches of every shape and, now and then, an epoch; notes where each record ends.
class RandomLog {
 public:
  RandomLog(Backend& backend, unsigned seed) : backend_(backend), random_(seed) {
    positions_.push_back(kBase);
  }
  LogBuilder& log() { return log_; }
  const std::vector<Position>& positions() const { return positions_; }

  void grow(int batches) {
    for (; batches > 0; --batches) {
      if (log_.next().part == 0 && random_() % 5 == 0) {
        add(log_.open_epoch(log_.last().epoch + 1 + random_() % 2,
                            {"n", 1 + positions_.size(), "r"}));
        positions_.push_back(log_.last());
      }
      for (auto parts = 1 + random_() % 6; parts > 0; --parts) {
        log_.part(random_() % 3000, random_() % 3 != 0);
        if (log_.last().seq == positions_.size()) positions_.push_back(log_.last());
      }
      add(log_.batch(1'000'000));
    }
  }
  void rewound(Seq seq) {
    positions_.resize(seq + 1);
    log_ = LogBuilder(positions_.back());
  }

 private:
  void add(const Bytes& blob) { append(backend_, blob, Bytes(20, std::byte{3})); }

  Backend& backend_;
  std::mt19937 random_;
  LogBuilder log_;
  std::vector<Position> positions_;  // by seq
};

void check_rewound(Backend& backend, const RandomLog& log) {
  const auto& last = log.positions().back();
  const auto bounds = backend.bounds();
  CHECK(bounds.last == last);
  CHECK(bounds.next == PartKey{last.seq + 1, 0});
  CHECK(backend.history().back().epoch == last.epoch);
  const auto reader = backend.open_reader();
  CHECK(reader->bounds().last == last);
  CHECK(reader->history() == backend.history());
  CHECK(reader->read({last.seq + 1, 0}, 1).empty());
  for (Seq seq = bounds.base.seq; seq <= last.seq; ++seq) {
    REQUIRE(reader->position_at(seq) == log.positions()[seq]);
  }
  PartKey expected{bounds.base.seq + 1, 0};
  for (const auto& part : parts_of(reader->read(expected, 1u << 30))) {
    REQUIRE(PartKey{part.seq, part.part} == expected);
    REQUIRE(part.epoch == log.positions()[part.seq].epoch);
    expected = part.last ? PartKey{part.seq + 1, 0} : PartKey{part.seq, part.part + 1};
  }
  CHECK(expected == bounds.next);
}

TEST_CASE("rewind to anywhere, inside a batch too, and go on from there") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TemporaryDirectory folder;
    const auto path = folder.file("backend.db");
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    RandomLog log(*backend, seed);
    for (int round = 0; round < 6; ++round) {
      log.grow(12);
      if (round == 3) backend->trim({.max_bytes = 20'000}, log.log().last().seq);
      const auto bounds = backend->bounds();
      const Seq keep = bounds.base.seq + random() % (bounds.last.seq - bounds.base.seq + 2);
      CAPTURE(keep);
      backend->rewind(keep);
      CHECK(backend->cursor().empty());
      log.rewound(std::min(keep, bounds.last.seq));
      check_rewound(*backend, log);
    }
    const auto bounds = backend->bounds();
    backend.reset();
    backend = open_sqlite_backend(path);
    CHECK(backend->bounds().last == bounds.last);
    CHECK(backend->bounds().bytes == bounds.bytes);
    check_rewound(*backend, log);
    Connection shell(path, Connection::Mode::read_only);
    CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
  }
}

}  // namespace
}  // namespace understudy::test
