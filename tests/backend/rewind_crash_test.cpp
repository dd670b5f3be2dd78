// Method: the steps of a takeover (open an epoch, rewind into a batch, begin anew under another
// history, upgrade a file of version 1) on a disk whose n-th call fails, for n = 1, 2, … until
// nothing does; then the process dies, with the power or without. What is found afterwards is the
// state before the step that failed or the one after it, whole, and never what was acknowledged
// undone.
#include "common/backend/backend.h"
#include "common/backend/open_epoch.h"
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/backend/older_file.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

namespace understudy::test {
namespace {

// All that a step changes.
struct State {
  Position base;
  Position last;
  PartKey next;
  std::vector<Epoch> epochs;
  bool has_cursor = false;
  bool operator==(const State&) const = default;
};

State state_of(Backend& backend) {
  State state{backend.bounds().base,
              backend.bounds().last,
              backend.bounds().next,
              {},
              !backend.cursor().empty()};
  for (const auto& start : backend.history()) state.epochs.push_back(start.epoch);
  return state;
}

void append(Backend& backend, const Bytes& blob) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, Bytes(20, std::byte{1}));
}

History longer_history() {
  History history = kHistory;
  history.push_back({.epoch = 5, .node = "x", .tenure = 55, .first_seq = 40, .sum = 1});
  return history;
}

using Step = void (*)(Backend&);
const std::vector<Step> kSteps{
    [](Backend& backend) { open_epoch(backend, "me", "test", Bytes(20, std::byte{2}), 512, 100); },
    [](Backend& backend) {
      LogBuilder log(backend.bounds().last);
      append(backend, log.batch_of(4, 5000));
    },
    [](Backend& backend) { backend.rewind(backend.bounds().last.seq - 2); },  // into a batch
    [](Backend& backend) { backend.rewind(4); },                              // an epoch goes too
    [](Backend& backend) { backend.rewind(0); },
    [](Backend& backend) {
      backend.reset({5, 41, 77}, longer_history());
    },
    [](Backend& backend) { open_epoch(backend, "me", "again", {}, 512, 100); },
};

// Made without faults: six records in batches of three, of version 1.
void prepare(const std::string& path) {
  {
    auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
    LogBuilder log;
    append(*backend, log.batch_of(3, 5000));
    append(*backend, log.batch_of(3, 5000));
  }
  make_older(path, 1);
  Connection(path, Connection::Mode::read_write).execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

// The states that the steps lead through, from a run without faults.
std::vector<State> all_states() {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  prepare(path);
  auto backend = open_sqlite_backend(path);
  std::vector<State> states{state_of(*backend)};
  for (const auto& step : kSteps) {
    step(*backend);
    states.push_back(state_of(*backend));
  }
  return states;
}

struct Weather {
  FaultVfs::Plan plan;
  bool power_cut;
};

// Takes steps until one fails. Returns how many returned; leaves the backend open for the crash.
std::size_t live(const std::string& path, const std::string& vfs,
                 std::unique_ptr<Backend>& backend) {
  std::size_t done = 0;
  try {
    backend = open_sqlite_backend(path, vfs);
    for (const auto& step : kSteps) {
      step(*backend);
      ++done;
    }
  } catch (const Error&) {
  }
  return done;
}

// False: nothing failed.
bool run_life(Weather weather, const std::vector<State>& states, std::uint64_t n) {
  CAPTURE(n);
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  prepare(path);
  FaultVfs vfs;
  weather.plan.nth = n;
  vfs.fail(weather.plan);
  std::unique_ptr<Backend> backend;
  const auto done = live(path, vfs.name(), backend);
  const bool failed = vfs.has_failed();
  vfs.kill();
  backend.reset();
  vfs.heal();
  if (weather.power_cut) vfs.power_cut(n);
  const auto check = [&] {
    auto found = open_sqlite_backend(path, vfs.name());
    const auto state = state_of(*found);
    CHECK((state == states[done] || (done < kSteps.size() && state == states[done + 1])));
    CHECK(found->open_reader()->history() == found->history());
    Connection shell(path, Connection::Mode::read_only, 0, vfs.name());
    CHECK(shell.query_text("PRAGMA integrity_check") == "ok");
    return state;
  };
  const auto first = check();
  vfs.power_cut(n + 1);  // what was reported stays
  CHECK(check() == first);
  return failed;
}

void sweep(const Weather& weather) {
  const auto states = all_states();
  std::uint64_t n = 1;
  while (n < 500 && run_life(weather, states, n)) ++n;
  CHECK(n > 20);
  CHECK(n < 500);
  std::printf("understudy-count: failed I/O calls of a takeover's steps=%ld\n",
              static_cast<long>(n - 1));
}

TEST_CASE("takeover's steps: one failed call, then kill -9") {
  sweep({{.for_ever = false}, false});
}
TEST_CASE("takeover's steps: one failed call, then power loss") {
  sweep({{.for_ever = false}, true});
}
TEST_CASE("takeover's steps: all calls fail from the n-th on, then power loss") {
  sweep({{.for_ever = true}, true});
}
TEST_CASE("takeover's steps: reads fail too") {
  sweep({{.for_ever = true, .calls = FaultVfs::kAll}, true});
}

}  // namespace
}  // namespace understudy::test
