#include "common/core/heartbeat.h"

#include "common/core/assert.h"
#include "common/core/clock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <utility>

namespace understudy::heartbeat {

struct Entry {
  std::string name;
  int thread_id;
  std::chrono::milliseconds patience;
  std::atomic<std::int64_t> turned_us;
  std::atomic<int> long_works{0};

  Entry(std::string loop, std::chrono::milliseconds own_patience, std::int64_t now_us)
      : name(std::move(loop)), thread_id(::gettid()), patience(own_patience), turned_us(now_us) {}
};

namespace {

struct Registry {
  std::mutex mutex;
  std::list<Entry> entries;  // guarded by mutex; an entry's atomics are not
};

Registry& registry() {
  static Registry all;
  return all;
}

thread_local Entry* own_entry = nullptr;

template <typename LimitOf>
std::vector<Silence> find_silent(LimitOf limit_of) {
  std::vector<Silence> silences;
  const std::lock_guard lock(registry().mutex);
  for (const auto& entry : registry().entries) {
    if (entry.long_works > 0) continue;
    const auto silent_us = monotonic_time_us() - entry.turned_us;
    if (silent_us <= limit_of(entry).count() * 1000) continue;
    silences.push_back({entry.name, entry.thread_id, static_cast<double>(silent_us) / 1e6});
  }
  return silences;
}

}  // namespace

Loop::Loop(std::string name, std::chrono::milliseconds patience) : outer_(own_entry) {
  {
    const std::lock_guard lock(registry().mutex);
    entry_ = &registry().entries.emplace_back(std::move(name), patience, monotonic_time_us());
  }
  if (outer_ != nullptr) ++outer_->long_works;
  own_entry = entry_;
}

Loop::~Loop() {
  US_ASSERT(own_entry == entry_, "a loop ends on its own thread, after those within it");
  own_entry = outer_;
  if (outer_ != nullptr) {
    outer_->turned_us = monotonic_time_us();
    --outer_->long_works;
  }
  const std::lock_guard lock(registry().mutex);
  registry().entries.remove_if([this](const Entry& entry) { return &entry == entry_; });
}

void turn() {
  if (own_entry != nullptr) {
    own_entry->turned_us.store(monotonic_time_us(), std::memory_order_relaxed);
  }
}

LongWork::LongWork() : entry_(own_entry) {
  if (entry_ != nullptr) ++entry_->long_works;
}

LongWork::~LongWork() {
  if (entry_ == nullptr) return;
  entry_->turned_us = monotonic_time_us();  // first: it must not look silent in between
  --entry_->long_works;
}

std::vector<Silence> silent_for(std::chrono::milliseconds limit) {
  return find_silent([limit](const Entry&) { return limit; });
}

std::vector<Silence> out_of_patience(std::chrono::milliseconds limit) {
  return find_silent([limit](const Entry& entry) {
    return entry.patience.count() > 0 ? std::min(limit, entry.patience) : limit;
  });
}

std::string to_string(const std::vector<Silence>& silences) {
  std::string text;
  for (const auto& silence : silences) {
    text += fmt::format("{}{} (thread {}) for {:.0f} s", text.empty() ? "" : ", ", silence.loop,
                        silence.thread_id, silence.seconds);
  }
  return text;
}

}  // namespace understudy::heartbeat
