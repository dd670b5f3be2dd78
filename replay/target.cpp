#include "replay/target.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "replay/moment.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr std::size_t kNamedAtMost = 8;  // runs or snapshots in one message

class Search {
 public:
  Search(LogChain& chain, std::span<const SnapshotEntry> snapshots)
      : chain_(chain), snapshots_(snapshots) {}

  FoundTarget newest() {
    const auto* snapshot = snapshots_.empty() ? nullptr : &snapshots_.back();
    if (!chain_.is_empty()) {
      chain_.select_run(chain_.run_count() - 1);
      const auto last = chain_.bounds().last.seq;
      if (snapshot == nullptr || snapshot->footer.position.seq <= last) return at(last);
    }
    if (snapshot == nullptr) throw ConfigError("there is neither a record nor a snapshot");
    return of(*snapshot);
  }

  FoundTarget by_seq(Seq seq) {
    if (!chain_.is_empty() && chain_.select(seq)) return at(seq);
    if (const auto* snapshot = find_snapshot(seq)) return of(*snapshot);
    throw ConfigError(fmt::format("there is no record {}: the sources have {}", seq,
                                  describe_coverage(chain_, snapshots_)));
  }

  // The newest run or snapshot that began by then.
  FoundTarget by_time(std::int64_t time_us) {
    for (auto run = chain_.is_empty() ? 0 : chain_.run_count(); run-- > 0;) {
      chain_.select_run(run);
      const auto bounds = chain_.bounds();
      const auto seq = last_record_until(chain_, time_us);
      const auto known = seq > bounds.base.seq || starts_by(bounds.base.seq, time_us);
      if (!known) continue;
      auto found = at(seq);
      if (seq != bounds.last.seq) return found;
      if (run + 1 == chain_.run_count()) return later_snapshot(found, time_us);
      const auto& gap = chain_.gaps()[run];
      throw ConfigError(fmt::format(
          "records {} to {} are missing, and at {} one of them may have been the last; name the "
          "log that has them, or a record with --to-seq",
          gap.after.seq + 1, gap.next - 1, utc_text(time_us)));
    }
    if (chain_.is_empty()) {
      if (const auto* snapshot = last_snapshot_by(time_us))
        return later_snapshot(of(*snapshot), time_us);
    }
    throw ConfigError(fmt::format("{} is before what the sources have: {}", utc_text(time_us),
                                  describe_coverage(chain_, snapshots_)));
  }

 private:
  FoundTarget at(Seq seq) {
    const auto bounds = chain_.bounds();
    if (seq > bounds.base.seq) return {seq, commit_time(chain_, seq), false};
    const auto* snapshot = find_snapshot(seq);
    return {seq, snapshot == nullptr ? 0 : snapshot->footer.time_us, false};
  }
  static FoundTarget of(const SnapshotEntry& snapshot) {
    return {snapshot.footer.position.seq, snapshot.footer.time_us, false};
  }
  const SnapshotEntry* find_snapshot(Seq seq) const {
    const auto found = std::ranges::find(
        snapshots_, seq, [](const SnapshotEntry& each) { return each.footer.position.seq; });
    return found == snapshots_.end() ? nullptr : &*found;
  }
  const SnapshotEntry* last_snapshot_by(std::int64_t time_us) const {
    const SnapshotEntry* last = nullptr;
    for (const auto& each : snapshots_) {
      if (each.footer.time_us <= time_us) last = &each;
    }
    return last;
  }
  bool starts_by(Seq base, std::int64_t time_us) const {
    const auto* snapshot = find_snapshot(base);
    return snapshot != nullptr && snapshot->footer.time_us <= time_us;
  }
  // Behind the last record there may be a snapshot that is newer still.
  FoundTarget later_snapshot(FoundTarget found, std::int64_t time_us) const {
    const auto* last = last_snapshot_by(time_us);
    if (last != nullptr && last->footer.position.seq > found.seq) found = of(*last);
    found.is_newest = true;
    return found;
  }

  LogChain& chain_;
  std::span<const SnapshotEntry> snapshots_;
};

std::string describe_run(LogChain& chain, std::size_t run) {
  chain.select_run(run);
  const auto bounds = chain.bounds();
  if (bounds.base.seq == bounds.last.seq)
    return fmt::format("no record behind {}", bounds.base.seq);
  return fmt::format("records {} to {} ({} to {})", bounds.first_seq(), bounds.last.seq,
                     utc_text(commit_time(chain, bounds.first_seq())),
                     utc_text(commit_time(chain, bounds.last.seq)));
}

}  // namespace

std::vector<SnapshotEntry> snapshots_that_count(LogChain& chain,
                                                std::span<const SnapshotEntry> snapshots) {
  std::vector<SnapshotEntry> kept;
  if (snapshots.empty()) return kept;
  const auto highest = std::ranges::max_element(snapshots, {}, [](const SnapshotEntry& each) {
    return std::pair(each.footer.position.epoch, each.footer.position.seq);
  });
  const auto history = chain.is_empty() ? highest->footer.history : chain.whole_history();
  for (const auto& each : snapshots) {
    const auto& position = each.footer.position;
    const auto relation = compare(history, each.footer.history);
    if (!relation.is_related || position.seq > relation.common) continue;
    const bool is_in_log = !chain.is_empty() && chain.select(position.seq);
    if (is_in_log && chain.position_at(position.seq) != position) continue;
    kept.push_back(each);
  }
  return kept;
}

FoundTarget find_target(LogChain& chain, std::span<const SnapshotEntry> snapshots,
                        const Target& target) {
  Search search(chain, snapshots);
  if (target.seq) return search.by_seq(*target.seq);
  if (target.time_us) return search.by_time(*target.time_us);
  return search.newest();
}

std::string describe_coverage(LogChain& chain, std::span<const SnapshotEntry> snapshots) {
  std::vector<std::string> parts;
  const auto runs = chain.is_empty() ? 0 : chain.run_count();
  for (auto run = runs > kNamedAtMost ? runs - kNamedAtMost : 0; run < runs; ++run) {
    parts.push_back(describe_run(chain, run));
  }
  std::vector<std::string> states;
  const auto skipped = snapshots.size() - std::min(snapshots.size(), kNamedAtMost);
  for (const auto& each : snapshots.subspan(skipped)) {
    states.push_back(
        fmt::format("{} ({})", each.footer.position.seq, utc_text(each.footer.time_us)));
  }
  if (!states.empty()) parts.push_back(fmt::format("snapshots at {}", fmt::join(states, ", ")));
  return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace understudy
