// The newest log events of this process, whatever the log level, and how often each came: for those
// who look at a node from outside.
//
// Bounded: kRecentEvents of them, of kEventLimit bytes at most, and kCountedEvents names. Any
// thread.
#pragma once

#include "common/core/thread_subject.h"
#include "common/logging/log.h"

#include <functional>
#include <vector>

namespace understudy::log {

constexpr std::size_t kRecentEvents = 200;
constexpr std::size_t kEventLimit = std::size_t{8} * 1024;
constexpr std::size_t kCountedEvents = 512;

struct RecentEvent {
  std::uint64_t number = 0;  // 1, 2, 3 … in this process
  std::string json;          // one object, as the JSON log has it
  SharedSubject subject;     // whose it is; null: the process's
};

// Those after that number that are still known, in their order; without those of other subjects
// than `subject`, unless that is null.
[[nodiscard]] std::vector<RecentEvent> recent_events(std::uint64_t after,
                                                     const SharedSubject& subject = {});

struct EventCount {
  Level level = Level::info;
  std::string event;
  std::uint64_t count = 0;
};
// Of levels info and up, by level and name.
[[nodiscard]] std::vector<EventCount> event_counts();

// While it lives, `wake` is called after each event, on the thread that logs: it must neither block
// nor log.
class EventWatch {
 public:
  explicit EventWatch(std::function<void()> wake);
  ~EventWatch();
  EventWatch(const EventWatch&) = delete;
  EventWatch& operator=(const EventWatch&) = delete;

 private:
  std::function<void()> wake_;
};

// For log.cpp.
void remember_event(Level level, std::string_view event, std::string_view message, Fields fields);

}  // namespace understudy::log
