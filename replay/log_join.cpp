// How a LogChain is joined: which history counts, what each log has of it, where they meet.
#include "common/core/errors.h"
#include "replay/log_chain.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

std::string describe(const EpochStart& opening, const std::string& source) {
  return fmt::format("by node {} with record {} ({})",
                     opening.node.empty() ? "unknown" : opening.node, opening.first_seq, source);
}

[[noreturn]] void refuse_fork(const EpochStart& ours, const std::string& our_source,
                              const EpochStart& theirs, const std::string& their_source) {
  throw ConfigError(
      fmt::format("the logs fork: epoch {} was opened twice, {} and {}; name the logs of the "
                  "branch that counts "
                  "alone",
                  ours.epoch, describe(ours, our_source), describe(theirs, their_source)));
}

}  // namespace

LogChain::LogChain(std::vector<LogSource> sources) : sources_(std::move(sources)) {
  if (sources_.empty()) return;
  stream_ = sources_.front().stream;
  choose_history();
  auto stretches = keep_what_counts();
  std::ranges::sort(stretches, [](const Stretch& a, const Stretch& b) {
    if (a.base.seq != b.base.seq) return a.base.seq < b.base.seq;
    return a.last.seq > b.last.seq;
  });
  for (const auto& stretch : stretches) join(stretch);
  selected_ = runs_.size() - 1;
}

// The highest epoch. Of several logs that end in it the one that knows most of what was before.
// Forks count among these only: the highest epoch decides those of lower ones.
void LogChain::choose_history() {
  const LogSource* chosen = nullptr;
  for (auto& source : sources_) {
    auto history = source.log->history();
    const auto rank = [](const History& each) { return std::pair(each.back().epoch, each.size()); };
    if (chosen != nullptr && rank(history) <= rank(history_)) continue;
    chosen = &source;
    history_ = std::move(history);
  }
  for (auto& source : sources_) {
    const auto history = source.log->history();
    if (compare(history_, history).forked) {
      refuse_fork(history_.back(), chosen->name, history.back(), source.name);
    }
  }
}

std::vector<LogChain::Stretch> LogChain::keep_what_counts() {
  std::vector<Stretch> kept;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto bounds = sources_[i].log->bounds();
    const auto shared = compare(history_, sources_[i].log->history()).common;
    Stretch stretch{i, bounds.base, bounds.last};
    if (shared < bounds.last.seq) {
      superseded_.push_back({sources_[i].name, shared, bounds.last});
      if (shared < bounds.base.seq) continue;
      stretch.last = position_in(stretch, shared);
    }
    kept.push_back(stretch);
  }
  // Logs without records tell nothing where others have some.
  const auto has_none = [](const Stretch& each) { return each.base.seq == each.last.seq; };
  if (!std::ranges::all_of(kept, has_none)) std::erase_if(kept, has_none);
  return kept;
}

// Stretches come by their base.
void LogChain::join(const Stretch& next) {
  if (runs_.empty()) {
    runs_.push_back({next});
    return;
  }
  auto& run = runs_.back();
  const auto end = run.back().last;
  if (next.base.seq > end.seq) {
    gaps_.push_back({end, next.base.seq + 1});
    runs_.push_back({next});
    return;
  }
  check_overlap(run, next);
  if (next.last.seq > end.seq) run.push_back(next);
}

// Both ends of what both have must be the same states; then so is all between, for one node alone
// wrote each epoch.
void LogChain::check_overlap(const Run& run, const Stretch& next) {
  const auto first = next.base.seq;
  const auto last = std::min(run.back().last.seq, next.last.seq);
  if (position_in(run, first) != position_in(next, first))
    refuse_difference(run, next, first, first);
  if (position_in(run, last) != position_in(next, last)) refuse_difference(run, next, first, last);
}

// `same`: equal in both, or equal to `different`, which is not. Finds the first that differs.
void LogChain::refuse_difference(const Run& run, const Stretch& next, Seq same, Seq different) {
  while (same + 1 < different) {
    const auto middle = same + (different - same) / 2;
    (position_in(run, middle) == position_in(next, middle) ? same : different) = middle;
  }
  const auto& known = sources_[piece_of(run, different)->source].name;
  throw ConfigError(fmt::format(
      "the logs differ in one epoch: record {} leads to {} in {}, and to {} in {}; one of the two "
      "is "
      "of a database that went another way; name the logs of the branch that counts alone",
      different, position_in(run, different)->to_string(), known,
      position_in(next, different).to_string(), sources_[next.source].name));
}

}  // namespace understudy
