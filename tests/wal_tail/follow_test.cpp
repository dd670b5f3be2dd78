// The tail against real applications in other processes: nothing missed, nothing extra, nothing in
// between, and the application's checkpoints go through.
#include "tests/support/temporary_directory.h"
#include "tests/wal_tail/follower.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

namespace understudy::test {
namespace {

using Arguments = std::vector<std::string>;

struct Setting {
  std::string name;
  Arguments arguments;
  bool has_timeout = true;
};

const std::vector<Setting> kSettings{
    {"defaults", {}},
    {"spilling", {"cache=5"}},
    {"no autocheckpoint", {"autocheckpoint=0"}},
    {"autocheckpoint at 10", {"autocheckpoint=10"}},
    {"autocheckpoint at 100000", {"autocheckpoint=100000"}},
    {"explicit passive", {"explicit=passive", "every=3"}},
    {"explicit full", {"explicit=full", "every=3", "autocheckpoint=0"}},
    {"explicit restart", {"explicit=restart", "every=3", "autocheckpoint=0"}},
    {"explicit truncate", {"explicit=truncate", "every=3", "autocheckpoint=0"}},
    {"explicit any", {"explicit=any", "every=2", "cache=20"}},
    {"explicit any, no timeout", {"explicit=any", "every=2", "timeout=0"}, false},
};

void check_checkpoints(WriterProcess& writer, bool has_timeout) {
  if (has_timeout) {
    CHECK(writer.number("checkpoints_busy") == 0);
  }
  CHECK(writer.number("slowest_ms") < 1000);
  MESSAGE("checkpoints ", writer.number("checkpoints"), ", busy ",
          writer.number("checkpoints_busy"), ", slowest ", writer.number("slowest_ms"),
          " ms; commits ", writer.number("commits"), ", slowest ",
          writer.number("slowest_commit_ms"), " ms");
}

TailOptions small_windows() {
  TailOptions options;
  options.window_frames = 500;
  return options;
}

}  // namespace

TEST_CASE("every state that one writer commits is seen, in order, and no other") {
  int seed = 1;
  for (const auto& setting : kSettings) {
    CAPTURE(setting.name);
    MESSAGE(setting.name);
    TemporaryDirectory folder;
    const auto path = folder.file("app.db");
    make_database(path, seed % 3 == 0 ? 1024 : 4096);
    Follower follower(path, small_windows());
    follower.log_states();
    follower.checks_reads = true;
    Arguments arguments{"db=" + path, fmt::format("seed={}", seed++), "ms=700",
                        "log=" + folder.file("log")};
    arguments.insert(arguments.end(), setting.arguments.begin(), setting.arguments.end());
    WriterProcess writer(arguments);
    follower.follow_while(writer);
    check_checkpoints(writer, setting.has_timeout);
    CHECK(distinct(follower.states()) == distinct(read_log(folder.file("log"))));
    CHECK(follower.image() == image_of(path));
    CHECK(follower.exact_reads > 0);
    CHECK(follower.exact_formers > 0);
    const auto status = follower.tail.status();
    std::printf("understudy-count: WAL resets followed=%lu\n",
                static_cast<unsigned long>(status.resets));
    MESSAGE("resets ", status.resets, ", windows ", status.windows, ", missed ",
            status.windows_missed, ", own checkpoints ", status.checkpoints, ", unsummed frames ",
            status.unsummed_frames);
  }
}

}  // namespace understudy::test
