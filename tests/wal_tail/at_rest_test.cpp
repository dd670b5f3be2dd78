// An application that pauses: soon all is copied and in the database, and its own checkpoints of
// every mode succeed at once, without a busy timeout.
#include "tests/support/temporary_directory.h"
#include "tests/wal_tail/follower.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <deque>

namespace understudy::test {
namespace {

// Commits, pauses, and checkpoints: passive, full, restart, truncate in turn.
struct Application {
  Application(const std::string& path, const std::vector<std::string>& settings)
      : database((make_database(path), path)), follower(path), writer(arguments(path, settings)) {}

  static std::vector<std::string> arguments(const std::string& path,
                                            const std::vector<std::string>& settings) {
    // GUARANTEES.md, promise 7: after a second.
    std::vector<std::string> all{"db=" + path, "work=rows",     "timeout=0",    "ms=7900",
                                 "every=0",    "explicit=each", "rest_ms=1000", "seed=61"};
    all.insert(all.end(), settings.begin(), settings.end());
    return all;
  }

  std::string database;
  Follower follower;
  WriterProcess writer;
};

}  // namespace

TEST_CASE("after a second without a commit checkpoints of every mode succeed, without a timeout") {
  TemporaryDirectory folder;
  std::deque<Application> applications;
  applications.emplace_back(folder.file("same.db"), std::vector<std::string>{});
  applications.emplace_back(folder.file("nightly.db"), std::vector<std::string>{"nightly=1"});
  applications.emplace_back(folder.file("eager.db"), std::vector<std::string>{"autocheckpoint=5"});
  bool runs = true;
  while (runs) {
    runs = false;
    for (auto& application : applications) {
      application.follower.require_step();
      runs = application.writer.is_running() || runs;
    }
  }
  for (auto& application : applications) {
    CAPTURE(application.database);
    application.follower.catch_up();
    const auto made = application.writer.number("checkpoints");
    CHECK(made >= 6);
    CHECK(application.writer.number("checkpoints_busy") == 0);
    CHECK(application.writer.number("busy") == 0);
    CHECK(application.follower.image() == image_of(application.database));
    std::printf("understudy-count: checkpoints without a timeout after a pause=%.0f\n", made);
  }
}

}  // namespace understudy::test
