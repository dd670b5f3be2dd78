#include "replay/restore.h"

#include "common/backend/log_walk.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/logging/log.h"
#include "common/record/batch.h"
#include "replay/database_image.h"
#include "replay/output_file.h"
#include "replay/snapshot_ahead.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {
namespace {

struct Cancelled {};

class Restoring {
 public:
  Restoring(LogChain& chain, const SnapshotEntry& snapshot, Seq target, const std::string& file,
            Progress& progress, const std::function<bool()>& is_cancelled)
      : chain_(chain),
        snapshot_(snapshot),
        target_(target),
        progress_(progress),
        is_cancelled_(is_cancelled),
        image_(file, snapshot.header.page_size, snapshot.footer.first_as_of) {}

  void lay_out();
  void apply_log();
  void finish() { image_.finish(); }

  [[nodiscard]] Restored report() const {
    return {image_.position(), snapshot_, target_ - snapshot_.footer.position.seq,
            std::uint64_t{image_.page_count()} * snapshot_.header.page_size};
  }

 private:
  void take(const SnapshotBatch& batch);
  void check_cancelled() const {
    if (is_cancelled_()) throw Cancelled{};
  }
  [[noreturn]] void damaged(std::string_view what) const {
    throw CorruptionError(fmt::format("{} is damaged: {}", snapshot_.path, what));
  }

  LogChain& chain_;
  const SnapshotEntry& snapshot_;
  Seq target_;
  Progress& progress_;
  const std::function<bool()>& is_cancelled_;
  DatabaseImage image_;
  Bytes raw_;
  RecordPart part_;
};

void Restoring::lay_out() {
  const auto page_size = snapshot_.header.page_size;
  progress_.begin("restoring from " + snapshot_.path, snapshot_.footer.pages * page_size,
                  ProgressUnit::bytes);
  SnapshotAhead reader(open_snapshot(snapshot_.path));
  for (;;) {
    check_cancelled();
    const auto item = reader.next();
    if (const auto* pages = std::get_if<SnapshotPages>(&item.frame)) {
      image_.lay_out(*pages, item.hashes);
      progress_.advance((std::uint64_t{pages->first} + pages->count - 1) * page_size);
    } else if (const auto* batch = std::get_if<SnapshotBatch>(&item.frame)) {
      take(*batch);
    } else if (const auto* damage = std::get_if<SnapshotDamage>(&item.frame)) {
      damaged(fmt::format("at byte {}: {}", damage->offset, damage->what));
    } else {
      break;
    }
  }
  image_.prove(snapshot_.footer.position, snapshot_.footer.page_count);
  progress_.end();
}

void Restoring::take(const SnapshotBatch& batch) {
  const auto view = BatchView::parse(batch.blob);
  if (!view || !view->unpack(raw_)) damaged("a batch of records does not unpack");
  for (ByteView rest(raw_); !rest.empty();) {
    if (!decode_part(rest, part_)) damaged("a record in it does not decode");
    const auto seq = part_.header.seq;
    if (seq <= snapshot_.footer.first_as_of || seq > snapshot_.footer.position.seq) continue;
    image_.apply(part_);
  }
}

void Restoring::apply_log() {
  const auto after = snapshot_.footer.position.seq;
  if (after == target_) return;
  progress_.begin("applying records", target_ - after, ProgressUnit::records);
  const auto walked = walk_log(chain_, after, target_, [&](const RecordPart& part) {
    if (part.header.last && part.header.seq % 256 == 0) {
      progress_.advance(part.header.seq - after);
      check_cancelled();
    }
    image_.apply(part);
    return true;
  });
  progress_.end();
  if (walked == LogWalk::complete) return;
  throw CorruptionError(fmt::format(
      "nothing was restored: the log {} record {}",
      walked == LogWalk::damaged ? "is damaged at" : "was trimmed while it was read, at",
      image_.position().seq + 1));
}

// nullptr: the snapshot is damaged, and another one is to be tried.
std::unique_ptr<Restoring> lay_out(LogChain& chain, const RestorePlan& plan, std::size_t index,
                                   const std::string& file, Progress& progress,
                                   const std::function<bool()>& is_cancelled) {
  const auto& snapshot = plan.from[index];
  try {
    auto restoring =
        std::make_unique<Restoring>(chain, snapshot, plan.target.seq, file, progress, is_cancelled);
    restoring->lay_out();
    return restoring;
  } catch (const CorruptionError& error) {
    if (index + 1 == plan.from.size()) throw;
    progress.end();
    log::warning("restore_next_snapshot", error.what(),
                 {{"damaged", snapshot.path}, {"next", plan.from[index + 1].path}});
    return nullptr;
  }
}

}  // namespace

std::optional<Restored> restore(LogChain& chain, const RestorePlan& plan, const std::string& output,
                                Progress& progress, const std::function<bool()>& is_cancelled) {
  OutputFile file(output);
  failure_point("restore_begun");
  try {
    std::unique_ptr<Restoring> restoring;
    for (std::size_t i = 0; restoring == nullptr; ++i) {
      restoring = lay_out(chain, plan, i, file.partial(), progress, is_cancelled);
    }
    failure_point("restore_laid_out");
    restoring->apply_log();
    failure_point("restore_applied");
    restoring->finish();
    failure_point("restore_synced");
    const auto restored = restoring->report();
    restoring.reset();  // closes the file
    file.finish();
    return restored;
  } catch (const Cancelled&) {
    progress.end();
    return std::nullopt;
  }
}

}  // namespace understudy
