#include "common/api/log_feed.h"

#include "common/core/random_number.h"
#include "common/core/thread_subject.h"
#include "common/logging/recent_events.h"

#include <fmt/format.h>

#include <charconv>

namespace understudy {
namespace {

class LogWatch final : public http::EventFeed::Watch {
 public:
  explicit LogWatch(std::function<void()> wake) : watch_(std::move(wake)) {}

 private:
  log::EventWatch watch_;
};

// Before the number in an id: a reader that comes back after a restart begins anew.
const std::string& process_prefix() {
  static const std::string prefix = fmt::format("{:016x}-", random_number());
  return prefix;
}

}  // namespace

std::string LogFeed::next(std::uint64_t& last) {
  std::string out;
  for (const auto& event : log::recent_events(last, thread_subject())) {
    out += fmt::format("id: {}{}\nevent: log\ndata: {}\n\n", process_prefix(), event.number,
                       event.json);
    last = event.number;
  }
  return out;
}

std::string LogFeed::periodic() {
  return fmt::format("event: status\ndata: {}\n\n", to_json(node_.status()));
}

std::unique_ptr<http::EventFeed::Watch> LogFeed::watch(std::function<void()> wake) {
  return std::make_unique<LogWatch>(std::move(wake));
}

std::uint64_t LogFeed::number_of(std::string_view id) {
  if (!id.starts_with(process_prefix())) return 0;
  id.remove_prefix(process_prefix().size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  return error == std::errc{} && end == id.data() + id.size() ? number : 0;
}

}  // namespace understudy
