#include "common/logging/recent_events.h"

#include "common/core/clock.h"
#include "common/core/thread_subject.h"
#include "common/logging/line_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace understudy::log {
namespace {

struct Memory {
  std::mutex mutex;  // guards what follows
  std::deque<RecentEvent> events;
  std::uint64_t last_number = 0;
  std::map<std::pair<Level, std::string>, std::uint64_t, std::less<>> counts;

  std::mutex watches_mutex;  // guards watches; held while they are called
  std::vector<const std::function<void()>*> watches;
};

Memory& memory() {
  static Memory instance;
  return instance;
}

constexpr std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    default:
      return "error";
  }
}

// "2026-01-31T12:00:00.123Z"
std::string time_text(std::int64_t unix_us) {
  const auto seconds = static_cast<std::time_t>(unix_us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), unix_us / 1000 % 1000);
}

std::string render(Level level, std::string_view event, std::string_view message, Fields fields) {
  const auto head =
      fmt::format(R"({{"time":"{}","level":"{}",)", time_text(unix_time_us()), name_of(level));
  auto json = head + render_json(event, message, fields) + "}";
  if (json.size() <= kEventLimit) return json;
  return head + render_json(event, message.substr(0, kEventLimit / 8), {}) + "}";
}

}  // namespace

std::vector<RecentEvent> recent_events(std::uint64_t after, const SharedSubject& subject) {
  auto& known = memory();
  const std::lock_guard lock(known.mutex);
  std::vector<RecentEvent> events;
  for (const auto& event : known.events) {
    const bool is_of = !subject || !event.subject || event.subject == subject;
    if (event.number > after && is_of) events.push_back(event);
  }
  return events;
}

std::vector<EventCount> event_counts() {
  auto& known = memory();
  const std::lock_guard lock(known.mutex);
  std::vector<EventCount> list;
  list.reserve(known.counts.size());
  for (const auto& [key, count] : known.counts) list.push_back({key.first, key.second, count});
  return list;
}

EventWatch::EventWatch(std::function<void()> wake) : wake_(std::move(wake)) {
  auto& known = memory();
  const std::lock_guard lock(known.watches_mutex);
  known.watches.push_back(&wake_);
}

EventWatch::~EventWatch() {
  auto& known = memory();
  const std::lock_guard lock(known.watches_mutex);
  std::erase(known.watches, &wake_);
}

void remember_event(Level level, std::string_view event, std::string_view message, Fields fields) {
  if (level == Level::debug || level == Level::off) return;
  auto json = render(level, event, message, fields);
  auto& known = memory();
  {
    const std::lock_guard lock(known.mutex);
    if (known.events.size() == kRecentEvents) known.events.pop_front();
    known.events.push_back({++known.last_number, std::move(json), thread_subject()});
    const std::pair key(level, std::string(event));
    if (known.counts.size() < kCountedEvents || known.counts.contains(key)) ++known.counts[key];
  }
  const std::lock_guard lock(known.watches_mutex);
  for (const auto* wake : known.watches) (*wake)();
}

}  // namespace understudy::log
