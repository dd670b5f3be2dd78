// What a node is asked while its disk hangs: its lease is renewed, and its application fenced, by
// threads that ask.
#include "common/node/node.h"

#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

using namespace understudy;

TEST_CASE("nobody waits for a record that is being written") {
  const test::TemporaryDirectory folder;
  Node node({.database = folder.file("app.db"), .state_dir = {}, .name = "a"});
  std::promise<void> hangs;
  std::promise<void> goes_on;
  std::thread recording([&] {
    node.record([&](NodeIdentity& identity) {
      identity.fenced = true;
      hangs.set_value();  // as a disk does in the middle of it
      goes_on.get_future().wait();
    });
  });
  hangs.get_future().wait();
  auto asked = std::async(std::launch::async, [&] {
    return !node.identity().fenced && node.status().node == "a" && !node.is_stopping();
  });
  const bool answers = asked.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  goes_on.set_value();
  recording.join();
  CHECK(answers);
  CHECK(asked.get());  // as it was before, until the record is on disk
  CHECK(node.identity().fenced);
}
