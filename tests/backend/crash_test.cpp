// Method: a short life of a backend (open, append, open tail, checkpoint, trim, drop) on a disk
// whose n-th call fails, for n = 1, 2, … until nothing fails; once, for ever, or as a full disk.
// Then the process dies, with the power or without, is opened (with failures again), dies again.
// Whatever happened: the log is a contiguous run of the batches that were given, nothing
// acknowledged is missing, nothing that an opened log reported gets lost later, and SQLite finds
// the file sound.
#include "common/backend/backend.h"
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

namespace understudy::test {
namespace {

constexpr std::int64_t kForEver = std::int64_t{1} << 62;

// What was asked for and what was acknowledged, as indexes into all batches of this life.
struct Ledger {
  std::vector<Bytes> blobs;
  std::size_t acknowledged = 0;        // batches [0, acknowledged) must be there (unless trimmed)
  std::size_t given = 0;               // no batch from here on may be there
  std::vector<Position> bases{kBase};  // that the log may have
};

class Life {
 public:
  Life(FaultVfs& vfs, std::string path) : vfs_(vfs), path_(std::move(path)) {}

  // False: it ended with an error of the environment.
  bool live() {
    try {
      backend_ = open_sqlite_backend(path_, test_stream(), kBase, kHistory, vfs_.name());
      run();
      return true;
    } catch (const Error& error) {
      return false;
    }
  }
  void end() { backend_.reset(); }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }

 private:
  void run() {
    append({log_.batch_of(1)});
    append({log_.batch_of(2), log_.batch_of(1, 5000)});
    append({log_.part(6000, false).batch()});
    backend_->checkpoint();
    append({log_.part(50, true).records(2).batch()});
    append({log_.batch_of(1, 30'000)});
    trim();
    append({log_.batch_of(3)});
    backend_->checkpoint();
    append({log_.records(1).part(300, false).batch()});
  }

  void append(std::vector<Bytes> blobs) {
    std::vector<BatchView> views;
    for (const auto& blob : blobs) views.push_back(view(blob));
    ledger_.given += blobs.size();
    ledger_.blobs.insert(ledger_.blobs.end(), blobs.begin(), blobs.end());
    retrying([&] { backend_->append(views, Bytes(20, std::byte{1})); });
    ledger_.acknowledged = ledger_.given;
  }

  void trim() {
    // All but the last two batches fall; the base is then record 4.
    ledger_.bases.push_back({1, 4, sum_after(4)});
    std::uint64_t trimmed = 0;
    retrying(
        [&] { trimmed += backend_->trim({.max_bytes = 34'000, .max_age_us = kForEver}, 1000); });
  }

  // A full disk may be tried again, and works once there is room.
  template <typename Work>
  void retrying(Work work) {
    try {
      work();
    } catch (const SqliteError& error) {
      if (!error.is_disk_full()) {
        const auto bounds = backend_->bounds();
        CHECK_THROWS_AS(backend_->set_cursor({}), Error);
        CHECK(backend_->bounds().next == bounds.next);
        throw;
      }
      vfs_.heal();
      work();
    }
  }

  FaultVfs& vfs_;
  std::string path_;
  LogBuilder log_;
  Ledger ledger_;
  std::unique_ptr<Backend> backend_;
};

// Opens what the crash left and holds it against the ledger. Returns its bounds.
LogBounds check_survivor(FaultVfs& vfs, const std::string& path, const Ledger& ledger) {
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory, vfs.name());
  const auto bounds = backend->bounds();
  CAPTURE(bounds.base.to_string());
  REQUIRE(std::ranges::find(ledger.bases, bounds.base) != ledger.bases.end());
  const auto starts = [&](const Bytes& blob) {
    return view(blob).header.first == PartKey{bounds.base.seq + 1, 0};
  };
  const auto first = std::ranges::find_if(ledger.blobs, starts) - ledger.blobs.begin();
  const auto found = backend->open_reader()->read({bounds.base.seq + 1, 0}, 1u << 30);
  const auto end = static_cast<std::size_t>(first) + found.size();
  CHECK(end >= ledger.acknowledged);
  REQUIRE(end <= ledger.given);
  CHECK(std::equal(found.begin(), found.end(), ledger.blobs.begin() + first));
  if (!found.empty()) CHECK(bounds.next == view(found.back()).header.next());
  Connection shell(path, Connection::Mode::read_only, 0, vfs.name());
  CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
  return bounds;
}

struct Weather {
  FaultVfs::Plan plan;
  bool power_cut;
};

// One life that fails at the n-th call. False: nothing failed.
bool run_life(Weather weather, std::uint64_t n) {
  CAPTURE(n);
  FaultVfs vfs;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  Life life(vfs, path);
  weather.plan.nth = n;
  vfs.fail(weather.plan);
  const bool completed = life.live();
  const bool failed = vfs.has_failed();
  if (!failed) REQUIRE(completed);
  const auto crash = [&](std::uint64_t seed) {
    vfs.kill();
    life.end();
    vfs.heal();
    if (weather.power_cut) vfs.power_cut(seed);
  };
  crash(n);
  vfs.fail({.nth = (n + n / 11) % 11 + 1, .for_ever = weather.plan.for_ever});
  try {
    (void)open_sqlite_backend(path, test_stream(), kBase, kHistory, vfs.name());
  } catch (const Error& error) {
    CHECK(vfs.has_failed());
  }
  crash(n + 1);
  // What the next open reports must outlive another power cut.
  const auto reported = check_survivor(vfs, path, life.ledger());
  vfs.power_cut(n + 2);
  const auto again = check_survivor(vfs, path, life.ledger());
  CHECK(again.next.seq == reported.next.seq);
  CHECK(again.next.part == reported.next.part);
  return failed || weather.plan.failure == FaultVfs::Failure::disk_full;
}

void sweep(const Weather& weather) {
  std::uint64_t n = 1;
  constexpr std::uint64_t kMore = 500;
  const bool heals = weather.plan.failure == FaultVfs::Failure::disk_full;
  const std::uint64_t limit = heals ? 120 : kMore;
  while (n < limit && run_life(weather, n)) ++n;
  CHECK(n > 60);
  if (!heals) CHECK(n < kMore);
  std::printf("understudy-count: failed I/O calls of the backend=%ld\n", static_cast<long>(n - 1));
  MESSAGE("calls failed one after another: " << n - 1);
}

TEST_CASE("one failed call, then kill -9") {
  sweep({{.for_ever = false}, false});
}
TEST_CASE("one failed call, then power loss") {
  sweep({{.for_ever = false}, true});
}
TEST_CASE("all calls fail from the n-th on, then kill -9") {
  sweep({{.for_ever = true}, false});
}
TEST_CASE("all calls fail from the n-th on, then power loss") {
  sweep({{.for_ever = true}, true});
}
TEST_CASE("reads fail too") {
  sweep({{.for_ever = true, .calls = FaultVfs::kAll}, true});
}
TEST_CASE("the disk fills up, has room again, and then power loss") {
  sweep({{.for_ever = true, .failure = FaultVfs::Failure::disk_full}, true});
}

// The WAL may be in the kernel's memory alone, after a failed sync; only an open for writing writes
// it anew.
TEST_CASE("to look whether there is a backend changes nothing on disk") {
  FaultVfs vfs;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory, vfs.name());
  LogBuilder log;
  const Bytes blob = log.batch_of(1);
  const BatchView batch = view(blob);
  backend->append({&batch, 1}, {});
  vfs.kill();
  backend.reset();
  vfs.fail({.nth = 1'000'000, .calls = FaultVfs::kChanges & ~FaultVfs::open});
  CHECK(sqlite_backend_exists(path, vfs.name()));
  CHECK(vfs.calls() == 0);
}

}  // namespace
}  // namespace understudy::test
