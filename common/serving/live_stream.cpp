#include "common/serving/live_stream.h"

#include "common/serving/peer_session.h"

#include <utility>

namespace understudy {
namespace {

constexpr std::size_t kPostLimit = 4096;
constexpr std::size_t kPostBytesLimit = 4 * 1024 * 1024;
constexpr std::int64_t kStepEvery_us = 1'000;
constexpr std::size_t kStepLimit = 4096;

// Whole records that begin at a record's first part; the rest is fetched by whoever wants it.
bool is_for_broadcast(const BatchView& batch) {
  return batch.blob.size() <= kLiveLimit && batch.header.closed && batch.header.first.part == 0;
}

std::size_t bytes_of(const std::vector<Bytes>& messages) {
  std::size_t bytes = 0;
  for (const auto& message : messages) bytes += message.size();
  return bytes;
}

}  // namespace

bool LiveStream::advance(const LogBounds& bounds, std::span<const BatchView> appended,
                         std::int64_t now_us) {
  std::vector<Bytes> live;
  for (const auto& batch : appended) {
    if (!is_for_broadcast(batch)) continue;
    live.push_back(encode_message(message::LiveBatch{Bytes(batch.blob.begin(), batch.blob.end())}));
  }
  const std::lock_guard lock(mutex_);
  for (const auto& batch : appended) appended_bytes_ += batch.blob.size();
  const bool is_first = !latest_.has_value();
  const bool rewound = !is_first && took_back(*latest_, bounds);
  const bool announce = appended.empty() || live.size() < appended.size();
  latest_ = bounds;
  has_news_ = true;
  if ((steps_.empty() || now_us - steps_.back().time_us >= kStepEvery_us) &&
      steps_.size() < kStepLimit) {
    steps_.push_back({bounds.last.seq, now_us});
  }
  const bool is_next = !is_first && !rewound && !announce && posts_.empty() && !is_in_hand_;
  if (is_next) return broadcast_now(live) || is_wanted_;
  queue(std::move(live), bounds, rewound, announce);
  return true;
}

// True: the live socket has word of subscribers, for which it will not wake anybody.
bool LiveStream::broadcast_now(const std::vector<Bytes>& live) {
  bool any = false;
  if (is_closed_) return any;
  for (const auto& message : live) any = sockets_.broadcast(stream_, message) || any;
  return any;
}

// A post without a batch announces where the log stands: for what was not broadcast. In a queue
// that is full the last one is brought up to date instead.
void LiveStream::queue(std::vector<Bytes> live, const LogBounds& bounds, bool rewound,
                       bool announce) {
  const auto bytes = bytes_of(live);
  const bool fits =
      posts_.size() + live.size() < kPostLimit && post_bytes_ + bytes <= kPostBytesLimit;
  if (fits) {
    for (auto& message : live) posts_.push_back({std::move(message), bounds, false});
    post_bytes_ += bytes;
  }
  announce = announce || !fits;
  if (rewound || (announce && (posts_.empty() || posts_.back().broadcast))) {
    posts_.push_back({std::nullopt, bounds, rewound});
  } else if (!posts_.empty()) {
    posts_.back().bounds = bounds;
  }
}

LiveStream::News LiveStream::take() {
  const std::lock_guard lock(mutex_);
  News news;
  if (!std::exchange(has_news_, false)) return news;
  news.posts = std::exchange(posts_, {});
  news.steps = std::exchange(steps_, {});
  news.appended_bytes = std::exchange(appended_bytes_, 0);
  news.latest = latest_;
  post_bytes_ = 0;
  is_in_hand_ = !news.posts.empty();
  return news;
}

void LiveStream::end_turn() {
  const std::lock_guard lock(mutex_);
  is_in_hand_ = false;
}

void LiveStream::broadcast(ByteView message) {
  const std::lock_guard lock(mutex_);
  (void)sockets_.broadcast(stream_, message);
}

bool LiveStream::want_word(bool wanted) {
  const std::lock_guard lock(mutex_);
  is_wanted_ = wanted;
  return wanted && has_news_;
}

bool LiveStream::take_subscriptions() {
  const std::lock_guard lock(mutex_);
  return sockets_.take_subscriptions();
}

void LiveStream::reopen() {
  const std::lock_guard lock(mutex_);
  sockets_.reopen_live();
}

void LiveStream::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
}

}  // namespace understudy
