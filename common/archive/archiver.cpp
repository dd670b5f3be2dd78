#include "common/archive/archiver.h"

#include "common/archive/archive_retention.h"
#include "common/archive/copy_snapshot.h"
#include "common/archive/left_over.h"
#include "common/archive/segment_writer.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/file/new_name.h"
#include "common/logging/log.h"
#include "common/record/batch_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace understudy {
namespace {

constexpr std::size_t kReadBytes = 2 * 1024 * 1024;
// What others have done meanwhile is looked up no more often: a folder may hold many names.
constexpr std::int64_t kListEvery_us = 20'000'000;
constexpr std::int64_t kTrimEvery_us = 3'600'000'000;

// The part of the batch that a segment wants; of most it is all.
Bytes wanted(const Bytes& blob, PartKey from, Seq until) {
  const auto batch = BatchView::parse(blob);
  if (!batch || batch->header.first > from || batch->header.last < from) {
    throw CorruptionError(fmt::format("the batch with record {} is damaged", from.seq));
  }
  if (batch->header.first == from && batch->header.last.seq <= until) return blob;
  auto cut = cut_batch(*batch, from, until);
  if (!cut) throw CorruptionError(fmt::format("the batch with record {} is damaged", from.seq));
  return std::move(*cut);
}

}  // namespace

Archiver::Archiver(ArchiveOptions options, std::function<bool()> is_cancelled,
                   OnProgress on_progress)
    : options_(std::move(options)),
      is_cancelled_(std::move(is_cancelled)),
      on_progress_(std::move(on_progress)),
      folder_(options_.directory),
      patience_(options_.every_us) {}

void Archiver::look(bool all) {
  if (!sqlite_backend_exists(options_.backend)) return;
  open_log();
  reach_archive();
  if (!is_still_covered()) find_cover();
  measure();
  copy_snapshots();
  copy_records(all);
  trim();
  bounds_ = log_->bounds();
  if (is_still_covered()) measure();  // what has come meanwhile is behind
  log_.reset();
}

// Anew for each look: the file may be another one by now.
void Archiver::open_log() {
  log_.reset();
  const auto stream = stream_of_sqlite_backend(options_.backend);
  if (stream != stream_) covered_.reset();
  stream_ = stream;
  log_ = open_sqlite_log_reader(options_.backend);
  bounds_ = log_->bounds();
  history_ = log_->history();
}

void Archiver::reach_archive() {
  folder_.claim(stream_, was_there_);
  if (std::exchange(was_there_, true)) return;
  failure_point("archive_claimed");
  remove_left_over(folder_.segments_folder(), options_.node);
  remove_left_over(folder_.snapshots_folder(), options_.node);
}

std::optional<LogMark> Archiver::mark_at(Seq seq) {
  const auto position = log_->position_at(seq);
  return position ? std::optional(mark_of(stream_, *position, history_)) : std::nullopt;
}

// A log that was rewound is another one behind that point, and one that begins anew has a gap.
bool Archiver::is_still_covered() {
  return covered_ && covered_->seq >= bounds_.base.seq &&
         log_->position_at(covered_->seq) == covered_;
}

void Archiver::find_cover() {
  const auto before = covered_ ? covered_->seq : 0;
  listed_ = folder_.segments();
  // Whoever named them may have died before the names were durable; we rely on them from here on.
  sync_folder_of(partial(folder_.segments_folder()));
  listed_at_us_ = monotonic_time_us();
  say_gap(bounds_.base.seq);
  const auto seq = covered_until(listed_, bounds_.base.seq, [this](Seq at) { return mark_at(at); });
  covered_ = log_->position_at(seq);
  if (!covered_) throw Error(fmt::format("record {} was dropped while it was looked for", seq));
  if (seq != before) waits_since_us_ = 0;
}

// The queue has dropped what was not archived yet.
void Archiver::say_gap(Seq base) {
  Seq last = 0;
  for (const auto& each : listed_) {
    if (each.first > base + 1) break;
    last = std::max(last, each.last);
  }
  if (listed_.empty() || last >= base || gap_said_ == base) return;
  gap_said_ = base;
  log::warning("archive_gap",
               fmt::format("records {} to {} were dropped from the queue before they were "
                           "archived: moments from there to the next snapshot cannot be restored "
                           "from the archive",
                           last + 1, base),
               {{"archive", options_.directory}, {"from", last + 1}, {"until", base}});
}

void Archiver::measure() {
  const bool waits = covered_->seq < bounds_.last.seq;
  report_.is_known = true;
  const bool is_other = std::exchange(report_.last, *covered_) != *covered_;
  report_.behind_records = bounds_.last.seq - covered_->seq;
  report_.behind_bytes = waits ? log_->bytes_after(covered_->seq) : 0;
  if (!waits) {
    waits_since_us_ = report_.behind_since_us = 0;
  } else if (waits_since_us_ == 0 || is_other || report_.behind_since_us == 0) {
    if (waits_since_us_ == 0) waits_since_us_ = monotonic_time_us();
    const auto blobs = log_->read({covered_->seq + 1, 0}, 1);
    const auto batch = blobs.empty() ? std::nullopt : BatchView::parse(blobs.front());
    report_.behind_since_us = batch ? batch->header.time_us : 0;
  }
  on_progress_(report_);
}

bool Archiver::is_due(bool all) {
  const ArchiveBacklog backlog{report_.behind_bytes,
                               waits_since_us_ == 0 ? 0 : monotonic_time_us() - waits_since_us_};
  return report_.behind_records > 0 && (all || patience_.is_due(backlog));
}

void Archiver::copy_records(bool all) {
  while (is_due(all) && !is_cancelled_()) {
    if (monotonic_time_us() - listed_at_us_ >= std::min(kListEvery_us, options_.every_us)) {
      const auto before = covered_->seq;
      find_cover();
      if (covered_->seq > before) patience_.note_others_segment();
      measure();
      if (!is_due(all)) return;
    }
    write_segment();
    measure();
  }
}

void Archiver::write_segment() {
  SegmentWriter writer(partial(folder_.segments_folder()), {stream_, *covered_});
  PartKey next{covered_->seq + 1, 0};
  const auto until = bounds_.last.seq;
  const auto is_full = [&] {
    return writer.is_at_record_end() &&
           (writer.bytes() >= kSegmentBytes || writer.last().seq >= until);
  };
  while (!is_full()) {
    if (is_cancelled_()) return;
    const auto blobs = log_->read(next, kReadBytes);
    if (blobs.empty())
      throw Error(fmt::format("record {} was dropped while it was copied", next.seq));
    for (const auto& blob : blobs) {
      const auto part = wanted(blob, next, until);
      const auto batch = BatchView::parse(part);
      writer.add_batch(*batch);
      next = batch->header.next();
      if (is_full()) break;
    }
  }
  const auto history = up_to(log_->history(), writer.last());
  if (!history || log_->position_at(writer.last().seq) != writer.last()) {
    throw Error("the log was rewound while it was copied");
  }
  if (writer.finish(*history, folder_.segments_folder())) {
    ++report_.segments;
    log::debug("segment_archived", "records were archived",
               {{"file", writer.name().to_string()}, {"bytes", writer.bytes()}});
  } else {
    sync_folder_of(partial(folder_.segments_folder()));  // another's, named this moment
  }
  covered_ = writer.last();
  waits_since_us_ = 0;
  patience_.note_own_segment();
}

// A state of this log, and not there yet.
bool Archiver::wants(const SnapshotEntry& snapshot) const {
  const auto& position = snapshot.footer.position;
  if (snapshot.header.stream != stream_) return false;
  const auto relation = compare(snapshot.footer.history, history_);
  if (!relation.is_related || relation.common < position.seq) return false;
  const auto names = folder_.snapshots();
  return std::ranges::find(names, archived_snapshot_name(position)) == names.end();
}

void Archiver::copy_snapshots() {
  for (const auto& name : ArchiveFolder::names_in(options_.snapshots, ".snapshot")) {
    if (is_cancelled_()) return;
    if (seen_snapshots_.contains(name)) continue;
    const auto path = options_.snapshots + "/" + name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    std::optional<SnapshotEntry> entry;
    try {
      const auto reader = open_snapshot(path);
      entry = SnapshotEntry{path, reader->header(), reader->footer(), 0};
    } catch (const CorruptionError& error) {
      log::warning("snapshot_left_out", error.what(), {{"file", path}});
    }
    if (entry && wants(*entry)) archive_snapshot(*entry);
    if (!is_cancelled_()) seen_snapshots_.insert(name);
  }
}

void Archiver::archive_snapshot(const SnapshotEntry& snapshot) {
  const auto name = archived_snapshot_name(snapshot.footer.position);
  const auto folder = folder_.snapshots_folder();
  auto next_us = monotonic_time_us();
  // Records do not wait for a large snapshot.
  const auto between = [&] {
    constexpr std::int64_t kPause_us = 1'000'000;
    if (monotonic_time_us() - next_us >= kPause_us) {
      bounds_ = log_->bounds();
      measure();
      copy_records(false);
      next_us = monotonic_time_us();
    }
    return !is_cancelled_();
  };
  if (!copy_snapshot(snapshot.path, partial(folder), folder + "/" + name, between)) return;
  ++report_.snapshots;
  log::info("snapshot_archived", "a snapshot was archived",
            {{"file", folder + "/" + name}, {"position", snapshot.footer.position.to_string()}});
}

void Archiver::trim() {
  const auto now_us = monotonic_time_us();
  if (options_.keep_us == 0 || now_us < trim_at_us_ || is_cancelled_()) return;
  trim_at_us_ = now_us + kTrimEvery_us;
  const auto counts = [this](const SnapshotEntry& each) {
    const auto relation = compare(each.footer.history, history_);
    return each.header.stream == stream_ && relation.is_related &&
           relation.common >= each.footer.position.seq;
  };
  (void)trim_archive(folder_, unix_time_us() - options_.keep_us, counts, is_cancelled_);
}

std::string Archiver::partial(const std::string& folder) const {
  return folder + "/" + partial_name(options_.node);
}

}  // namespace understudy
