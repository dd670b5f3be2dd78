#include "replay/archive_check.h"

#include "common/archive/archive_log.h"
#include "common/archive/archive_plan.h"
#include "replay/log_chain.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

class ArchiveCheck {
 public:
  ArchiveCheck(const ArchiveFolder& folder, const std::function<void(std::uint64_t)>& progress,
               const std::function<bool()>& is_cancelled)
      : folder_(folder), progress_(progress), is_cancelled_(is_cancelled) {}

  ArchiveProof run() {
    const auto stream = known_stream();
    for (const auto& name : folder_.segments()) {
      if (is_cancelled_()) return give_up();
      ++proof_.segments;
      check_file(name, stream);
    }
    std::vector<LogSource> sources;
    for (const auto& run : join_segments(readable_)) {
      const auto log = std::make_unique<ArchiveLog>(folder_, run);
      // Damaged batches were named with their file already.
      proof_.runs.push_back(check_log(
          *log, log->stream(), [](Seq) {}, is_cancelled_));
      if (is_cancelled_()) return give_up();
      const auto name = fmt::format("{} to {}", run.front().first, run.back().last);
      sources.push_back({name, log->stream(), std::make_unique<ArchiveLog>(folder_, run)});
    }
    for (auto& run : proof_.runs)
      std::erase_if(run.damages, [&](auto& each) { return is_known(each); });
    join(std::move(sources));
    return std::move(proof_);
  }

 private:
  ArchiveProof give_up() {
    proof_.is_complete = false;
    return std::move(proof_);
  }

  std::optional<StreamId> known_stream() {
    try {
      return folder_.stream();
    } catch (const CorruptionError& error) {
      note(folder_.path(), {0, 0, error.what()});
      return std::nullopt;
    }
  }

  void note(std::string file, LogDamage damage) {
    if (proof_.problems.size() < kDamagesNamed) {
      proof_.problems.push_back({std::move(file), std::move(damage)});
    }
  }

  void check_file(const SegmentName& name, const std::optional<StreamId>& stream) {
    const auto file = "segments/" + name.to_string();
    try {
      const auto reader = open_segment(folder_, name);
      if (stream && reader->header().stream != stream) {
        return note(file, {name.first, name.last, "it is of another stream than understudy-archive says"});
      }
      for (const auto& damage : reader->damages()) {
        note(file, {damage.from, damage.until,
                    fmt::format("at byte {}: {}", damage.offset, damage.what)});
      }
      bytes_ += reader->bytes();
      progress_(bytes_);
      readable_.push_back(name);
    } catch (const CorruptionError& error) {
      note(file, {name.first, name.last, error.what()});
    }
  }

  [[nodiscard]] bool is_known(const LogDamage& damage) const {
    return std::ranges::any_of(proof_.problems, [&](const SegmentProblem& each) {
      return each.damage.from <= damage.from && damage.until <= each.damage.until;
    });
  }

  void join(std::vector<LogSource> sources) {
    if (sources.empty()) return;
    try {
      const LogChain chain(std::move(sources));
      for (const auto& gap : chain.gaps()) {
        const LogDamage missing{gap.after.seq + 1, gap.next - 1, "no segment has them"};
        if (!is_known(missing)) proof_.gaps.push_back(missing);
      }
      for (const auto& tail : chain.superseded()) {
        proof_.branches.push_back(
            fmt::format("records {} to {} of the segments {} are of a branch that no later primary "
                        "has; restoring leaves them out",
                        tail.shared + 1, tail.last.seq, tail.source));
      }
    } catch (const ConfigError& error) {
      proof_.fork = error.what();
    } catch (const CorruptionError&) {
      // Named with its file already.
    }
  }

  const ArchiveFolder& folder_;
  const std::function<void(std::uint64_t)>& progress_;
  const std::function<bool()>& is_cancelled_;
  ArchiveProof proof_;
  std::vector<SegmentName> readable_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

bool ArchiveProof::is_whole() const {
  return is_complete && problems.empty() && gaps.empty() && !fork &&
         std::ranges::all_of(runs, [](const LogProof& run) { return run.damages.empty(); });
}

ArchiveProof check_archive(const ArchiveFolder& folder,
                           const std::function<void(std::uint64_t bytes)>& progress,
                           const std::function<bool()>& is_cancelled) {
  return ArchiveCheck(folder, progress, is_cancelled).run();
}

}  // namespace understudy
