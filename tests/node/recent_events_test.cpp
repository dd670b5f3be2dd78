// What is remembered of the log: bounded, in order, counted, and whoever watches is woken.
#include "common/logging/recent_events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

using namespace understudy;

namespace {

std::uint64_t last_number() {
  const auto all = log::recent_events(0);
  return all.empty() ? 0 : all.back().number;
}

std::uint64_t count_of(const std::string& event) {
  const auto counts = log::event_counts();
  const auto found = std::ranges::find(counts, event, &log::EventCount::event);
  return found == counts.end() ? 0 : found->count;
}

}  // namespace

TEST_CASE("events come in their order, whatever the log level; debug is no event") {
  log::set_up({.level = log::Level::off});
  const auto before = last_number();
  log::info("first_test_event", "one", {{"n", 1}});
  log::debug("debug_test_event", "not kept");
  log::error("second_test_event", "two \"quoted\"\n");
  const auto events = log::recent_events(before);
  REQUIRE(events.size() == 2);
  CHECK(events[0].number + 1 == events[1].number);
  CHECK(
      events[0].json.find(R"("level":"info","event":"first_test_event","message":"one","n":1})") !=
      std::string::npos);
  CHECK(events[1].json.find('\n') == std::string::npos);
  CHECK(log::recent_events(events[1].number).empty());
  CHECK(count_of("first_test_event") == 1);
  CHECK(count_of("debug_test_event") == 0);
  log::set_up({});
}

TEST_CASE("the newest are kept, and none is large") {
  log::set_up({.level = log::Level::off});
  for (std::size_t i = 0; i < 2 * log::kRecentEvents; ++i) {
    log::info("many_test_events", std::string(i == 0 ? 1 : 50'000, 'x'), {{"i", i}});
  }
  const auto events = log::recent_events(0);
  CHECK(events.size() == log::kRecentEvents);
  for (const auto& event : events) CHECK(event.json.size() <= log::kEventLimit);
  CHECK(count_of("many_test_events") == 2 * log::kRecentEvents);
  log::set_up({});
}

TEST_CASE("who watches is woken by each event, from any thread, until the watch ends") {
  log::set_up({.level = log::Level::off});
  std::atomic<int> woken{0};
  {
    const log::EventWatch watch([&] { ++woken; });
    std::thread first([] {
      for (int i = 0; i < 500; ++i) log::info("watched_test_event", "x");
    });
    for (int i = 0; i < 500; ++i) log::warning("watched_test_event", "x");
    first.join();
    CHECK(woken == 1000);
  }
  log::info("watched_test_event", "x");
  CHECK(woken == 1000);
  log::set_up({});
}
