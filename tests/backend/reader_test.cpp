// Readers while the writer appends, trims and moves its WAL: in another thread, in another process.
// What they see is always contiguous, and never goes back.
#include "common/backend/backend.h"
#include "common/core/clock.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace understudy::test {
namespace {

void append(Backend& backend, LogBuilder& log, std::size_t size) {
  const Bytes blob = log.records(1, size).batch(unix_time_us());
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, {});
}

// Follows the log to record `end`, as a server does: from where it stands, or from the base when
// that was trimmed. False: a hole, a step back, or the deadline.
bool follow(LogReader& reader, Seq end) {
  const auto deadline = monotonic_time_us() + 60'000'000;
  PartKey next{1, 0};
  Seq seen = 0;
  while (next.seq <= end && monotonic_time_us() < deadline) {
    const auto bounds = reader.bounds();
    if (bounds.last.seq < seen) return false;
    seen = bounds.last.seq;
    if (next.seq <= bounds.base.seq) next = {bounds.base.seq + 1, 0};
    for (const auto& blob : reader.read(next, 200'000)) {
      const auto batch = BatchView::parse(blob);
      if (!batch || batch->header.first != next) return false;
      next = batch->header.next();
    }
    const auto position = reader.position_at(seen);
    if (position && position->sum != sum_after(seen)) return false;
  }
  return next.seq > end;
}

void write_beside_readers(Backend& backend, LogBuilder& log, Seq end) {
  while (log.last().seq < end) {
    append(backend, log, 20'000);
    if (log.last().seq % 50 == 0) backend.trim({.max_bytes = 1'000'000}, log.last().seq);
    if (log.last().seq % 170 == 0) backend.checkpoint();
  }
}

TEST_CASE("readers in threads, with an upkeep beside") {
  constexpr Seq kEnd = 1500;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  std::atomic<bool> good[2] = {false, false};
  std::atomic<bool> done{false};
  std::thread first([&, reader = backend->open_reader()] { good[0] = follow(*reader, kEnd); });
  std::thread second([&, reader = backend->open_reader()] { good[1] = follow(*reader, kEnd); });
  std::thread upkeep([&, moving = backend->open_upkeep()] {
    while (!done) moving->run();
  });
  LogBuilder log;
  write_beside_readers(*backend, log, kEnd);
  first.join();
  second.join();
  done = true;
  upkeep.join();
  CHECK(good[0]);
  CHECK(good[1]);
}

TEST_CASE("a reader in another process") {
  constexpr Seq kEnd = 600;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  open_sqlite_backend(path, test_stream(), kBase, kHistory).reset();
  const pid_t child = fork();  // before this process opens anything that it would inherit
  if (child == 0) {
    const auto reader = open_sqlite_log_reader(path);
    _exit(follow(*reader, kEnd) ? 0 : 1);
  }
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  write_beside_readers(*backend, log, kEnd);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("the WAL is bounded: by an upkeep in another thread, and without any") {
  for (const bool with_upkeep : {true, false}) {
    CAPTURE(with_upkeep);
    TemporaryDirectory folder;
    const auto path = folder.file("backend.db");
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    auto upkeep = backend->open_upkeep();
    LogBuilder log;
    std::uintmax_t largest = 0;
    for (int i = 0; i < 700; ++i) {
      append(*backend, log, 200'000);
      if (with_upkeep && backend->wal_backlog() > Backend::kWalBacklogTarget) {
        std::thread([&] { upkeep->run(); }).join();
        CHECK(backend->wal_backlog() == 0);
      }
      largest = std::max(largest, std::filesystem::file_size(path + "-wal"));
    }
    CHECK(largest > (with_upkeep ? Backend::kWalBacklogTarget : Backend::kWalLimit / 2));
    CHECK(largest < (with_upkeep ? 2 * Backend::kWalBacklogTarget : Backend::kWalLimit * 5 / 4));
    backend->checkpoint();
    CHECK(backend->wal_backlog() == 0);
  }
}

}  // namespace
}  // namespace understudy::test
