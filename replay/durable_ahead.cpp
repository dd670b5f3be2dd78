#include "replay/durable_ahead.h"

#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/core/thread_subject.h"
#include "common/record/batch_cut.h"

#include <fmt/format.h>
#include <pthread.h>

#include <utility>

namespace understudy {

DurableAhead::DurableAhead(LogReader& source, Backend& own_log, PartKey from, Seq until)
    : source_(source),
      own_log_(own_log),
      from_(from),
      until_(until),
      thread_(start_thread([this] { run(); })) {}

DurableAhead::~DurableAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DurableAhead::run() {
  pthread_setname_np(pthread_self(), "durable-ahead");
  std::exception_ptr failure;
  try {
    while (from_.seq <= until_ && put(read_chunk())) {
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  is_over_ = true;
  changed_.notify_all();
}

// One read of the source, one fsync of the own log.
DurableAhead::Chunk DurableAhead::read_chunk() {
  auto blobs = source_.read(from_, kChunkBytes);
  std::vector<BatchView> views;
  for (auto& blob : blobs) {
    auto view = BatchView::parse(blob);
    if (!view || view->header.first.seq > until_) break;
    if (view->header.last.seq > until_) {
      auto cut = cut_batch(*view, view->header.first, until_);
      if (!cut) damaged(view->header.first.seq);
      blob = std::move(*cut);
      view = BatchView::parse(blob);
    }
    views.push_back(*view);
  }
  if (views.empty() || views.back().header.next() <= from_) damaged(from_.seq);
  append(views);
  failure_point("replay_appended");
  Chunk chunk(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (!views[i].unpack(chunk[i])) damaged(views[i].header.first.seq);
  }
  from_ = views.back().header.next();
  return chunk;
}

// What the own log does not have yet.
void DurableAhead::append(std::span<const BatchView> views) {
  const auto next = own_log_.bounds().next;
  std::vector<BatchView> missing;
  Bytes cut_blob;
  for (const auto& view : views) {
    if (view.header.next() <= next) continue;
    if (view.header.first >= next) {
      missing.push_back(view);
      continue;
    }
    auto cut = cut_batch(view, next);
    if (!cut) damaged(next.seq);
    cut_blob = std::move(*cut);
    missing.push_back(*BatchView::parse(cut_blob));
  }
  if (!missing.empty()) own_log_.append(missing, {});
}

bool DurableAhead::put(Chunk chunk) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return chunks_.size() < kAhead || stopping_; });
  if (stopping_) return false;
  chunks_.push_back(std::move(chunk));
  changed_.notify_all();
  return true;
}

DurableAhead::Chunk DurableAhead::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !chunks_.empty() || is_over_; });
  if (chunks_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return {};
  }
  auto chunk = std::move(chunks_.front());
  chunks_.pop_front();
  changed_.notify_all();
  return chunk;
}

void DurableAhead::damaged(Seq seq) const {
  throw CorruptionError(
      fmt::format("record {} of the logs is damaged, or was trimmed while it was read", seq));
}

}  // namespace understudy
