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
// Loops wait a second at most; what is longer than this is no wait.
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
  watchdog_ = watchdog_interval();
  thread_ = std::make_unique<PeriodicThread>("service", kLookEvery, [this] { return tell(); });
}

ServiceNotice::~ServiceNotice() = default;

void ServiceNotice::say_stopping() {
  if (somebody_listens()) notify("STOPPING=1");
}

std::chrono::milliseconds ServiceNotice::tell() {
  const bool turns = all_turn();
  auto state = look_();
  if (state.text != text_) {
    text_ = std::move(state.text);
    notify("STATUS=" + text_);
  }
  if (!is_ready_ && !state.is_up) {
    const auto now_us = monotonic_time_us();
    if (turns && now_us - extended_at_us_ >= kExtendEvery_us) {
      extended_at_us_ = now_us;
      notify(fmt::format("EXTEND_TIMEOUT_USEC={}", kExtendBy_us));
    }
    return kLookEvery;
  }
  if (!std::exchange(is_ready_, true)) notify("READY=1");
  if (watchdog_.count() == 0) return kTellEvery;
  if (turns) notify("WATCHDOG=1");
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(watchdog_ / 4),
                    kLeastTellEvery, kTellEvery);
}

bool ServiceNotice::all_turn() {
  const auto patience = std::max(
      std::chrono::duration_cast<std::chrono::milliseconds>(watchdog_ / 2), kLeastPatience);
  const auto silent = heartbeat::silent_for(patience);
  if (silent.empty()) {
    if (std::exchange(is_stuck_, false)) log::info("loop_turns_again", "all loops turn again");
    return true;
  }
  if (!std::exchange(is_stuck_, true)) {
    log::error("loop_stuck", "a loop of this process does not turn any more",
               {{"loops", heartbeat::to_string(silent)}});
  }
  return false;
}

}  // namespace understudy
