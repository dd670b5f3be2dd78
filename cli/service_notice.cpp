#include "cli/service_notice.h"

#include "common/core/clock.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};  // until all is up
constexpr std::chrono::milliseconds kTellEvery{5000};
constexpr std::chrono::milliseconds kLeastTellEvery{100};
// Loops wait a second at most; what is longer than this is no wait. (The lease's has a patience of
// its own.)
constexpr std::chrono::milliseconds kLeastPatience{3000};
// A start may have to read a whole database: it is given so much more time, again and again.
constexpr std::int64_t kExtendEvery_us = 5'000'000;
constexpr std::int64_t kExtendBy_us = 30'000'000;

bool somebody_listens() {
  return std::getenv("NOTIFY_SOCKET") != nullptr;
}

// What cannot be told is told again: at the next look, or by the watchdog's silence.
void notify(const std::string& state) {
  (void)::sd_notify(0, state.c_str());
}

std::chrono::microseconds watchdog_interval() {
  std::uint64_t interval_us = 0;
  if (::sd_watchdog_enabled(0, &interval_us) <= 0) return {};
  return std::chrono::microseconds(interval_us);
}

}  // namespace

ServiceNotice::ServiceNotice(std::function<ServiceState()> look) : look_(std::move(look)) {
  if (!somebody_listens()) return;
  unit_watchdog_ = watchdog_interval();
  watchdog_us_ = unit_watchdog_.count();
  feeder_ = std::make_unique<PeriodicThread>("watchdog", kLookEvery, [this] { return feed(); });
  thread_ = std::make_unique<PeriodicThread>("service", kLookEvery, [this] { return tell(); });
}

ServiceNotice::~ServiceNotice() = default;

void ServiceNotice::say_stopping() {
  if (somebody_listens()) notify("STOPPING=1");
}

std::chrono::milliseconds ServiceNotice::tell() {
  auto state = look_();
  if (state.text != text_) {
    text_ = std::move(state.text);
    notify("STATUS=" + text_);
  }
  if (!is_ready_ && !state.is_up) {
    const auto now_us = monotonic_time_us();
    if (is_turning_ && now_us - extended_at_us_ >= kExtendEvery_us) {
      extended_at_us_ = now_us;
      notify(fmt::format("EXTEND_TIMEOUT_USEC={}", kExtendBy_us));
    }
    return kLookEvery;
  }
  heed_lease(state.longest_watchdog);
  if (!is_ready_.exchange(true)) notify("READY=1");
  return kTellEvery;
}

// Before READY=1: from that on systemd counts.
void ServiceNotice::heed_lease(std::chrono::microseconds longest) {
  if (longest.count() == 0) return;
  if (unit_watchdog_.count() == 0) {
    if (std::exchange(said_missing_, true)) return;
    log::warning(
        "watchdog_missing",
        "a node that hangs cannot fence its application, and nobody would end it: its unit "
        "needs WatchdogSec=, the application's BindsTo=",
        {{"longest_ms", longest.count() / 1000}});
    return;
  }
  if (longest.count() >= watchdog_us_) return;
  watchdog_us_ = longest.count();
  notify(fmt::format("WATCHDOG_USEC={}", longest.count()));
}

std::chrono::milliseconds ServiceNotice::feed() {
  is_turning_ = all_turn();
  const auto watchdog_us = watchdog_us_.load();
  if (!is_ready_ || watchdog_us == 0) return kLookEvery;
  if (is_turning_) notify("WATCHDOG=1");
  return std::clamp(std::chrono::milliseconds(watchdog_us / 4000), kLeastTellEvery, kTellEvery);
}

bool ServiceNotice::all_turn() {
  const auto patience = std::max(
      std::chrono::duration_cast<std::chrono::milliseconds>(unit_watchdog_ / 2), kLeastPatience);
  const auto silent = heartbeat::out_of_patience(patience);
  if (silent.empty()) {
    if (!is_turning_) log::info("loop_turns_again", "all loops turn again");
    return true;
  }
  if (is_turning_) {
    log::error("loop_stuck", "a loop of this process does not turn any more",
               {{"loops", heartbeat::to_string(silent)}});
  }
  return false;
}

}  // namespace understudy
