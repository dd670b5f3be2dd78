// Trim, reset and the open tail, against a list of batches that a test keeps by itself.
#include "common/backend/backend.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>

namespace understudy::test {
namespace {

constexpr RetentionPolicy kNothingKept{.max_bytes = 0};
constexpr Seq kNoLimit = ~Seq{0};

void append(Backend& backend, const Bytes& blob) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, {});
}

// A batch of any shape: whole records, parts, both.
Bytes random_batch(LogBuilder& log, std::mt19937& random, std::int64_t time_us) {
  const int parts = 1 + static_cast<int>(random() % 5);
  for (int i = 0; i < parts; ++i) log.part(random() % 8000, random() % 3 != 0);
  return log.batch(time_us);
}

void check_whole(Backend& backend, const LogBuilder& log) {
  const auto bounds = backend.bounds();
  const auto parts = parts_of(backend.open_reader()->read({bounds.base.seq + 1, 0}, 1u << 30));
  PartKey expected{bounds.base.seq + 1, 0};
  for (const auto& part : parts) {
    REQUIRE(PartKey{part.seq, part.part} == expected);
    expected = part.last ? PartKey{part.seq + 1, 0} : PartKey{part.seq, part.part + 1};
  }
  CHECK(expected == bounds.next);
  CHECK(bounds.next == log.next());
  CHECK(bounds.last.sum == sum_after(bounds.last.seq));
  CHECK(bounds.base.sum == sum_after(bounds.base.seq));
  const auto seen = backend.open_reader()->bounds();
  CHECK(seen.bytes == bounds.bytes);
  CHECK(seen.last == bounds.last);
  CHECK(seen.oldest_time_us == bounds.oldest_time_us);
}

TEST_CASE("random batches and trims: never part of a record, never beyond keep_after") {
  for (unsigned seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TemporaryDirectory folder;
    const auto path = folder.file("backend.db");
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    LogBuilder log;
    for (int step = 0; step < 60; ++step) {
      append(*backend, random_batch(log, random, unix_time_us()));
      if (random() % 5 != 0) continue;
      const auto before = backend->bounds();
      const Seq keep_after = random() % (log.next().seq + 3);
      const RetentionPolicy policy{.max_bytes = random() % 60'000};
      const auto dropped = backend->trim(policy, keep_after);
      const auto after = backend->bounds();
      CHECK(after.base.seq == before.base.seq + dropped);
      CHECK(after.base.seq <= std::max(keep_after, before.base.seq));
      if (before.bytes <= policy.max_bytes) CHECK(dropped == 0);
      if (random() % 4 == 0) {
        backend.reset();
        backend = open_sqlite_backend(path);
      }
      check_whole(*backend, log);
    }
  }
}

TEST_CASE("by size: as much as allowed stays, and not a batch more goes") {
  TemporaryDirectory folder;
  auto backend = open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory);
  LogBuilder log;
  for (int i = 0; i < 100; ++i) append(*backend, log.records(1, 5000).batch(unix_time_us()));
  const auto each = backend->bounds().bytes / 100;
  CHECK(backend->trim({.max_bytes = 10 * each + each / 2}, kNoLimit) == 90);
  CHECK(backend->bounds().first_seq() == 91);
  CHECK(backend->trim({.max_bytes = 10 * each + each / 2}, kNoLimit) == 0);
}

TEST_CASE("by age, and all of it when all is old") {
  TemporaryDirectory folder;
  auto backend = open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory);
  LogBuilder log;
  const auto now = unix_time_us();
  append(*backend, log.records(3).batch(now - 100'000'000));
  append(*backend, log.records(3).batch(now - 50'000'000));
  append(*backend, log.records(3).batch(now));
  CHECK(backend->bounds().oldest_time_us == now - 100'000'000);
  CHECK(backend->trim({.max_age_us = 70'000'000}, kNoLimit) == 3);
  CHECK(backend->bounds().oldest_time_us == now - 50'000'000);
  CHECK(backend->trim(kNothingKept, kNoLimit) == 6);
  CHECK(backend->bounds().last == log.last());
  CHECK(backend->bounds().base == log.last());
  CHECK(backend->open_reader()->read({1, 0}, 1000).empty());
  CHECK(backend->open_reader()->position_at(9) == log.last());
  append(*backend, log.batch_of(1));
  check_whole(*backend, log);
}

TEST_CASE("the file does not grow for ever, and shrinks after a flood") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  const auto cycle = [&](int batches, std::uint64_t kept) {
    for (int i = 0; i < batches; ++i)
      append(*backend, log.records(1, 50'000).batch(unix_time_us()));
    backend->trim({.max_bytes = kept}, kNoLimit);
    backend->checkpoint();
  };
  cycle(20, 500'000);
  cycle(20, 500'000);
  const auto settled = std::filesystem::file_size(path);
  for (int i = 0; i < 60; ++i) cycle(20, 500'000);
  CHECK(std::filesystem::file_size(path) <= settled * 3 / 2);
  CHECK(std::filesystem::file_size(path + "-wal") < 3'000'000);
  cycle(1000, 500'000);
  const auto flooded = std::filesystem::file_size(path);
  CHECK(flooded > 40'000'000);
  for (int i = 0; i < 40; ++i) cycle(1, 500'000);
  CHECK(std::filesystem::file_size(path) < flooded / 4);
  check_whole(*backend, log);
  CHECK(Connection(path, Connection::Mode::read_only).query_text("PRAGMA integrity_check") == "ok");
}

TEST_CASE("the open tail goes, the whole records in the same batch stay") {
  for (const int shape : {0, 1, 2, 3}) {
    CAPTURE(shape);
    TemporaryDirectory folder;
    const auto path = folder.file("backend.db");
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    LogBuilder log;
    append(*backend, log.batch_of(4));
    if (shape == 1) append(*backend, log.records(2).part(10, false).batch());
    if (shape >= 2) append(*backend, log.part(3000, false).batch());
    if (shape == 3) append(*backend, log.part(3000, false).part(10, false).batch());
    backend->drop_open_tail();
    log.drop_open_tail();
    check_whole(*backend, log);
    CHECK(backend->bounds().last == log.last());
    append(*backend, log.open_epoch(2));
    append(*backend, log.batch_of(2));
    check_whole(*backend, log);
    backend.reset();
    backend = open_sqlite_backend(path);
    check_whole(*backend, log);
    CHECK(backend->open_reader()->position_at(2)->epoch == 1);
    CHECK(backend->bounds().last.epoch == 2);
  }
}

TEST_CASE("reset begins anew, forwards or backwards") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  append(*backend, log.records(50).part(9, false).batch());
  for (const Seq seq : {Seq{1000}, Seq{3}, Seq{2}}) {
    const Position base{.epoch = 3, .seq = seq, .sum = sum_after(seq)};
    History history = kHistory;
    history.push_back({.epoch = 3, .node = "a", .tenure = 9, .first_seq = seq, .sum = 5});
    history.push_back({.epoch = 4, .node = "b", .tenure = 10, .first_seq = seq + 100, .sum = 6});
    CHECK_THROWS_AS(backend->reset(base, kHistory), CorruptionError);
    backend->reset(base, history);
    history.pop_back();
    CHECK(backend->history() == history);
    CHECK(backend->open_reader()->history() == history);
    CHECK(backend->bounds().base == base);
    CHECK(backend->bounds().bytes == 0);
    LogBuilder next(base);
    append(*backend, next.batch_of(5));
    check_whole(*backend, next);
    backend.reset();
    backend = open_sqlite_backend(path);
    check_whole(*backend, next);
  }
}

}  // namespace
}  // namespace understudy::test
