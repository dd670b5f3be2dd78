// Method: keep_orphans on a disk whose n-th call fails, for n = 1, 2, … until none does; then the
// process dies, with the power or without, and starts again. When it had returned, the file is
// there, whole; when it had not, the next attempt makes it. A full disk leaves nothing behind.
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/orphans/keep_orphans.h"
#include "common/orphans/orphans.h"
#include "recorder.h"
#include "tests/support/fault_vfs.h"

#include <doctest/doctest.h>

#include <cstdio>

namespace understudy::test {
namespace {

struct Case {
  FaultVfs vfs;
  Scratch folder;
  Recorder primary{folder.path(), {}};
  Seq fork = 0;

  Case() {
    primary.run("INSERT INTO t(a) VALUES (1)");
    fork = primary.position().seq;
    for (int i = 0; i < 3; ++i) primary.run("INSERT INTO t(a) VALUES (randomblob(6000))");
  }
  std::optional<KeptOrphans> keep() {
    return keep_orphans(*primary.log(), fork, folder / "orphans", {"n", "w"}, {}, vfs.name());
  }
  void crash(std::uint64_t seed, bool power_cut) {
    vfs.kill();
    vfs.heal();
    if (power_cut) vfs.power_cut(seed);
  }
  void check_kept() {
    const auto listed = list_orphans(folder / "orphans");
    REQUIRE(listed.size() == 1);
    CHECK(listed.front().problem.empty());
    CHECK(listed.front().records == 3);
    int records = 0;
    show_orphans(folder / "orphans", listed.front().name,
                 [&](const RecordSummary&) { return ++records > 0; });
    CHECK(records == 3);
    CHECK(sqlite3_program(listed.front().path, "PRAGMA integrity_check") == "ok");
  }
};

// False: nothing failed.
bool run_once(FaultVfs::Plan plan, bool power_cut, std::uint64_t n) {
  CAPTURE(n);
  Case life;
  plan.nth = n;
  life.vfs.fail(plan);
  bool has_kept = false;
  try {
    has_kept = life.keep().has_value();
  } catch (const Error&) {
    CHECK(life.vfs.has_failed());
  }
  const bool failed = life.vfs.has_failed();
  life.crash(n, power_cut);
  if (has_kept) life.check_kept();
  // A second attempt that fails somewhere else, then one that does not.
  plan.nth = n % 7 + 1;
  life.vfs.fail(plan);
  try {
    has_kept = life.keep().has_value();
  } catch (const Error&) {
    has_kept = false;
  }
  life.crash(n + 1, power_cut);
  if (has_kept) life.check_kept();
  CHECK(life.keep()->records == 3);
  life.crash(n + 2, true);
  life.check_kept();
  return failed;
}

void sweep(const FaultVfs::Plan& plan, bool power_cut) {
  std::uint64_t n = 1;
  while (n < 500 && run_once(plan, power_cut, n)) ++n;
  CHECK(n > 10);
  CHECK(n < 500);
  std::printf("understudy-count: failed I/O calls of an orphans file=%ld\n",
              static_cast<long>(n - 1));
}

TEST_CASE("one failed call, then kill -9") {
  sweep({}, false);
}
TEST_CASE("one failed call, then power loss") {
  sweep({}, true);
}
TEST_CASE("all calls fail from the n-th on, reads too, then power loss") {
  sweep({.for_ever = true, .calls = FaultVfs::kAll}, true);
}

TEST_CASE("a full disk: told as such, nothing is left behind, and it works when there is room") {
  Case life;
  life.vfs.set_capacity(20'000);
  try {
    (void)life.keep();
    FAIL("there was no room");
  } catch (const SqliteError& error) {
    CHECK(error.is_disk_full());
  }
  CHECK(list_orphans(life.folder / "orphans").empty());
  CHECK(life.vfs.bytes_used() == 0);
  life.vfs.set_capacity(0);
  CHECK(life.keep()->records == 3);
  life.check_kept();
}

}  // namespace
}  // namespace understudy::test
