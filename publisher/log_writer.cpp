#include "publisher/log_writer.h"

#include "common/core/assert.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"
#include "publisher/join_batches.h"

#include <limits>
#include <thread>

namespace understudy {
namespace {

constexpr std::size_t kTakeBytes = 1024 * 1024;
constexpr std::chrono::milliseconds kIdleWait{1000};
constexpr std::chrono::milliseconds kFullDiskWait{500};
constexpr std::int64_t kUpkeepEvery_us = 1'000'000;

}  // namespace

LogWriter::LogWriter(Backend& backend, PartQueue& queue, RetentionPolicy retention,
                     std::function<RetentionFloors()> floors, Meters& meters, OnDurable on_durable)
    : backend_(backend),
      queue_(queue),
      retention_(retention),
      floors_(std::move(floors)),
      meters_(meters),
      on_durable_(std::move(on_durable)) {
  set_bounds();
}

void LogWriter::run() {
  const heartbeat::Loop loop("log");
  while (true) {
    heartbeat::turn();
    const auto pending = join_small(queue_.take(kTakeBytes, kIdleWait));
    if (!pending.empty()) append(pending);
    if (pending.empty() && queue_.is_closed()) return;
    do_upkeep();
  }
}

void LogWriter::append(const std::vector<PendingBatch>& pending) {
  std::vector<Bytes> blobs;
  std::vector<BatchView> views;
  std::optional<wal::Cursor> cursor;
  blobs.reserve(pending.size());
  for (const auto& batch : pending) {
    if (batch.cursor) cursor = batch.cursor;
    if (batch.raw.empty()) continue;
    blobs.push_back(encode_batch(batch.header, batch.raw));
    const auto view = BatchView::parse(blobs.back());
    US_ASSERT(view.has_value(), "a batch that was just made must parse");
    views.push_back(*view);
  }
  std::array<std::byte, wal::Cursor::kEncodedSize> encoded{};
  if (cursor) encoded = cursor->encode();
  append_durably(views, cursor ? ByteView(encoded) : ByteView());
  const auto now_us = unix_time_us();
  for (const auto& view : views) meters_.capture_to_durable.observe(now_us - view.header.time_us);
  set_bounds();
  on_durable_(bounds(), views);
}

// A full disk passes: nothing was appended, so the same batches are tried again. Anything else is
// final, above all a failed fsync.
void LogWriter::append_durably(std::span<const BatchView> views, ByteView cursor) {
  while (true) {
    heartbeat::turn();
    try {
      const auto begun_us = monotonic_time_us();
      backend_.append(views, cursor);
      meters_.append.observe(monotonic_time_us() - begun_us);
      if (disk_full_.exchange(false))
        log::info("backend_space_again", "the backend has space again");
      return;
    } catch (const SqliteError& error) {
      if (!error.is_disk_full() || queue_.is_closed()) throw;
      if (!disk_full_.exchange(true)) log::error("backend_disk_full", error.what());
    }
    trim();
    std::this_thread::sleep_for(kFullDiskWait);
  }
}

void LogWriter::set_bounds() {
  {
    const std::lock_guard lock(mutex_);
    bounds_ = backend_.bounds();
  }
  advanced_.notify_all();
}

LogBounds LogWriter::bounds() const {
  const std::lock_guard lock(mutex_);
  return bounds_;
}

bool LogWriter::wait_durable(Seq seq, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return advanced_.wait_for(lock, patience, [&] { return bounds_.last.seq >= seq; });
}

void LogWriter::do_upkeep() {
  const auto now = monotonic_time_us();
  if (now - last_upkeep_us_ < kUpkeepEvery_us) return;
  last_upkeep_us_ = now;
  trim();
  if (backend_.bounds().base == bounds().base) return;
  set_bounds();
  on_durable_(bounds(), {});
}

// Needs a little room itself. Where there is none nothing is lost: it is due again soon.
void LogWriter::trim() {
  try {
    trim_above_floor(backend_, retention_, std::numeric_limits<Seq>::max(), floors_());
  } catch (const SqliteError& error) {
    if (!error.is_disk_full()) throw;
  }
}

}  // namespace understudy
