// Method: append batches of every shape, and hold bounds(), read() and position_at() against what
// the builder knows, before and after opening anew.
#include "common/backend/backend.h"
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace understudy::test {
namespace {

void append(Backend& backend, const Bytes& blob, ByteView cursor = {}) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, cursor);
}

void check_bounds(const LogBounds& bounds, const LogBuilder& log) {
  CHECK(bounds.next == log.next());
  CHECK(bounds.last == log.last());
}

// True: `work` ends the process with SIGABRT.
template <typename Work>
bool aborts(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
    std::signal(SIGABRT, SIG_DFL);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("a new backend is empty and starts at its base") {
  TemporaryDirectory folder;
  auto backend = open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory);
  CHECK(backend->stream() == test_stream());
  CHECK(backend->bounds().base == kBase);
  CHECK(backend->bounds().last == kBase);
  CHECK(backend->bounds().next == PartKey{1, 0});
  CHECK(backend->bounds().bytes == 0);
  CHECK(backend->cursor().empty());
  auto reader = backend->open_reader();
  CHECK(reader->read({1, 0}, 1 << 20).empty());
  CHECK(reader->position_at(0) == kBase);
  CHECK(!reader->position_at(1));
}

TEST_CASE("what was appended is read back, from any part, after opening anew too") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  LogBuilder log;
  std::vector<Bytes> blobs;
  {
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    blobs.push_back(log.batch_of(1));
    blobs.push_back(log.batch_of(10, 50));
    blobs.push_back(log.records(2).part(3000, false).batch());
    blobs.push_back(log.part(70'000, false).batch());
    blobs.push_back(log.part(10, true).records(3).batch());
    blobs.push_back(log.batch_of(1, 200'000));
    blobs.push_back(log.part(5, false).batch());
    for (const auto& blob : blobs) append(*backend, blob);
    check_bounds(backend->bounds(), log);
  }
  auto backend = open_sqlite_backend(path);
  check_bounds(backend->bounds(), log);
  auto reader = backend->open_reader();
  check_bounds(reader->bounds(), log);
  CHECK(reader->bounds().bytes == backend->bounds().bytes);
  CHECK(reader->read({1, 0}, 1 << 30) == blobs);
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const auto header = view(blobs[i]).header;
    CHECK(reader->read(header.first, 1) == std::vector<Bytes>{blobs[i]});
    CHECK(reader->read(header.last, 1) == std::vector<Bytes>{blobs[i]});
  }
  CHECK(reader->read(log.next(), 1 << 20).empty());
  CHECK(reader->read({0, 0}, 1 << 20).empty());
  CHECK(reader->read({1000, 0}, 1 << 20).empty());
  for (Seq seq = 1; seq <= log.last().seq; ++seq) {
    REQUIRE(reader->position_at(seq).has_value());
    CHECK(reader->position_at(seq) == Position{1, seq, sum_after(seq)});
  }
  CHECK(!reader->position_at(log.last().seq + 1));  // begun, not ended
  CHECK(!reader->position_at(log.last().seq + 2));
}

TEST_CASE("read() keeps to max_bytes, but for the first batch") {
  TemporaryDirectory folder;
  auto backend = open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory);
  LogBuilder log;
  for (int i = 0; i < 20; ++i) append(*backend, log.batch_of(1, 10'000));
  auto reader = backend->open_reader();
  CHECK(reader->read({1, 0}, 1).size() == 1);
  CHECK(reader->read({1, 0}, 25'000).size() == 2);
  CHECK(reader->read({15, 0}, 1 << 20).size() == 6);
}

TEST_CASE("many batches in one append are one commit, and the cursor goes with them") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  std::vector<Bytes> blobs;
  std::vector<BatchView> views;
  for (int i = 0; i < 50; ++i) blobs.push_back(log.batch_of(2));
  for (const auto& blob : blobs) views.push_back(view(blob));
  const Bytes cursor(20, std::byte{7});
  backend->append(views, cursor);
  check_bounds(backend->bounds(), log);
  CHECK(backend->cursor() == cursor);
  const Bytes later(20, std::byte{9});
  backend->set_cursor(later);
  append(*backend, log.batch_of(1));  // an empty cursor leaves it unchanged
  backend.reset();
  backend = open_sqlite_backend(path);
  CHECK(backend->cursor() == later);
  check_bounds(backend->bounds(), log);
}

TEST_CASE("a batch that does not follow on ends the process") {
  TemporaryDirectory folder;
  auto backend = open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory);
  LogBuilder log;
  append(*backend, log.batch_of(1));
  const Bytes good = log.batch_of(1);
  const Bytes after_a_gap = log.batch_of(1);
  CHECK(aborts([&] { append(*backend, after_a_gap); }));
  LogBuilder other_sum({.epoch = 1, .seq = 1, .sum = 5});
  CHECK(aborts([&] { append(*backend, other_sum.batch_of(1)); }));
  LogBuilder other_stream({1, 1, sum_after(1)}, StreamId::random());
  CHECK(aborts([&] { append(*backend, other_stream.batch_of(1)); }));
  CHECK_FALSE(aborts([] {}));
  append(*backend, good);
}

TEST_CASE("the tables say what the schema documents") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  append(*backend, log.batch_of(3));
  append(*backend, log.records(1).part(9, false).batch());
  Connection shell(path, Connection::Mode::read_only);
  CHECK(shell.query_text("SELECT stream FROM meta") == test_stream().to_string());
  CHECK(shell.query_text("SELECT group_concat(first_seq || '.' || first_part || '-' || last_seq || "
                         "'.' || last_part || ' ' || closed || ' ' || records) FROM live") ==
        "1.0-3.0 1 3,4.0-5.0 0 1");
  CHECK(shell.query_text("SELECT printf('%016x', sum_after) FROM live WHERE closed ORDER BY id "
                         "DESC LIMIT 1") == hex(sum_after(3)));
  CHECK(shell.query_integer("SELECT sum(length(payload)) FROM live") ==
        static_cast<std::int64_t>(backend->bounds().bytes));
  CHECK(shell.query_text("PRAGMA journal_mode") == "wal");
  CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
}

}  // namespace
}  // namespace understudy::test
