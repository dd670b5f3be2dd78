// A full disk: append says so, nothing is lost or half there, and it goes on when there is room;
// with a little room a trim makes much.
#include "common/backend/backend.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "tests/backend/log_builder.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

void checkpoint(Backend& backend) {
  try {
    backend.checkpoint();
  } catch (const SqliteError& error) {
    REQUIRE(error.is_disk_full());
  }
}

// Appends until the disk is full; returns the batch that did not fit.
Bytes fill(Backend& backend, LogBuilder& log) {
  for (int i = 0; i < 10'000; ++i) {
    const Bytes blob = log.records(1, 20'000).batch(unix_time_us());
    const BatchView batch = view(blob);
    const auto before = backend.bounds();
    try {
      backend.append({&batch, 1}, {});
    } catch (const SqliteError& error) {
      REQUIRE(error.is_disk_full());
      CHECK(backend.bounds().next == before.next);
      return blob;
    }
    if (i % 10 == 9) checkpoint(backend);
  }
  FAIL("the disk never filled up");
  return {};
}

void append(Backend& backend, const Bytes& blob) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, {});
}

TEST_CASE("append works again when there is room") {
  FaultVfs vfs;
  TemporaryDirectory folder;
  auto backend =
      open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory, vfs.name());
  LogBuilder log;
  vfs.set_capacity(2'000'000);
  const Bytes waiting = fill(*backend, log);
  const BatchView batch = view(waiting);
  CHECK_THROWS_AS(backend->append({&batch, 1}, {}), SqliteError);
  vfs.set_capacity(0);
  append(*backend, waiting);
  append(*backend, log.batch_of(1));
  CHECK(backend->bounds().next == log.next());
  CHECK(parts_of(backend->open_reader()->read({1, 0}, 1u << 30)).size() == log.last().seq);
}

// Dropping needs some frames in the WAL; what it frees is many times that.
TEST_CASE("with a little room a trim makes much") {
  FaultVfs vfs;
  TemporaryDirectory folder;
  auto backend =
      open_sqlite_backend(folder.file("backend.db"), test_stream(), kBase, kHistory, vfs.name());
  LogBuilder log;
  vfs.set_capacity(4'000'000);
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    const Bytes waiting = fill(*backend, log);
    vfs.set_capacity(vfs.bytes_used() + 500'000);
    CHECK(backend->trim({.max_bytes = 200'000}, log.last().seq) > 0);
    append(*backend, waiting);
    vfs.set_capacity(5'000'000);
  }
  CHECK(backend->bounds().next == log.next());
}

}  // namespace
}  // namespace understudy::test
