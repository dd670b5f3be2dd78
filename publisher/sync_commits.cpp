#include "publisher/sync_commits.h"

#include "common/core/clock.h"
#include "common/logging/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kHeardWithin_us = 3'000'000;  // standbys speak at least once a second
constexpr std::int64_t kWarnAfter_us = 2'000'000;
constexpr std::int64_t kCaughtUpWithin_us = 250'000;
constexpr std::int64_t kWokenLately_us = 20'000;
constexpr std::chrono::microseconds kWhileWoken{1000};

std::uint64_t as_word(const wal::Salts& salts) {
  std::uint64_t word = 0;
  std::memcpy(&word, salts.bytes.data(), sizeof word);
  return word;
}

PeerLevel to_peer_level(Level level) {
  switch (level) {
    case Level::received:
      return PeerLevel::received;
    case Level::durable:
      return PeerLevel::durable;
    case Level::applied:
      break;
  }
  return PeerLevel::applied;
}

// What a primary shows before it knows anything of its log.
commit_page::State first_state(const SyncOptions& options, std::uint64_t tenure) {
  commit_page::State state{};
  state.role = commit_page::kPrimary;
  state.count = options.count;
  state.level = static_cast<std::uint64_t>(options.level);
  state.timeout_ms = static_cast<std::uint64_t>(options.timeout_ms);
  state.policy =
      options.policy == WhenUnreplicated::degrade ? commit_page::kDegrade : commit_page::kWait;
  state.tenure = tenure;
  return state;
}

}  // namespace

void show_primary(const std::string& page_path, const SyncOptions& options, Epoch epoch,
                  std::uint64_t tenure) {
  auto state = first_state(options, tenure);
  state.epoch = epoch;
  CommitPage(page_path).publish(state);
}

SyncCommits::SyncCommits(const std::string& page_path, SyncOptions options, std::uint64_t tenure,
                         std::shared_ptr<SyncSet> set)
    : options_(options),
      set_(std::move(set)),
      page_(page_path),
      state_(first_state(options, tenure)) {
  staffed_at_us_ = monotonic_time_us();
  page_.publish(state_);
}

void SyncCommits::note(Seq seq, const wal::Cursor& cursor) {
  const std::lock_guard lock(mutex_);
  if (generation_ == 0 || cursor.salts != salts_) begin_generation(cursor.salts);
  const commit_page::Prefix prefix{generation_, cursor.frame, seq};
  if (!notes_.empty() && notes_.back().prefix.seq == seq) {
    notes_.back().prefix = prefix;
  } else {
    notes_.push_back({prefix, monotonic_time_us()});
  }
  if (notes_.size() > kNotes) drop_notes();
  // Its acknowledgement may have been faster than we were.
  if (move_forward()) publish(true, true);
}

void SyncCommits::begin_generation(const wal::Salts& salts) {
  salts_ = salts;
  ++generation_;
  state_.ring[generation_ % commit_page::kRingSize] = {as_word(salts), generation_};
}

// The newest stays: it is what the next acknowledgements lead to.
void SyncCommits::drop_notes() {
  for (std::size_t i = 1; 2 * i < notes_.size(); ++i) notes_[i] = notes_[2 * i];
  notes_[(notes_.size() - 1) / 2] = notes_.back();
  notes_.resize((notes_.size() + 1) / 2);
}

bool SyncCommits::advance(commit_page::Prefix& prefix, Seq seq) const {
  const auto beyond =
      std::upper_bound(notes_.begin(), notes_.end(), seq,
                       [](Seq value, const Note& note) { return value < note.prefix.seq; });
  if (beyond == notes_.begin()) return false;
  const auto& found = std::prev(beyond)->prefix;
  if (prefix.generation == found.generation && prefix.frame == found.frame) return false;
  prefix = found;
  return true;
}

bool SyncCommits::move_forward() {
  bool moved = advance(state_.durable, durable_);
  const auto enough = options_.count == 0 ? durable_ : std::min(durable_, acknowledged_);
  moved = advance(state_.replicated, enough) || moved;
  // The one that is shown stays in front: a reset of the WAL may change it.
  while (notes_.size() > 1 && notes_[1].prefix.seq <= enough) notes_.pop_front();
  return moved;
}

void SyncCommits::on_durable(const Position& position) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(has_begun_, true) && set_) set_->begin(position.seq);
  durable_ = position.seq;
  state_.epoch = position.epoch;
  const auto before = state_.replicated;
  (void)move_forward();
  state_.durable.seq = position.seq;
  state_.durable_sum = position.sum;
  // Standbys may have been faster than we were.
  const bool replicated_moved =
      state_.replicated.generation != before.generation || state_.replicated.frame != before.frame;
  publish(true, options_.count == 0 || replicated_moved);
}

void SyncCommits::on_progress(const Peers& peers, std::int64_t now_us) {
  const auto heard = peers.named_seqs_at(to_peer_level(options_.level), now_us - kHeardWithin_us);
  const std::lock_guard lock(mutex_);
  state_.standbys = heard.size();
  bool moved = false;
  if (options_.count > 0 && heard.size() >= options_.count) {
    staffed_at_us_ = now_us;
    acknowledged_ = std::max(acknowledged_, confirmed(heard, now_us));
    moved = move_forward();
  }
  judge(now_us);
  publish(false, moved);
}

// What enough of them have: any `count`, or those that are on record.
Seq SyncCommits::confirmed(const std::vector<std::pair<std::string, Seq>>& heard,
                           std::int64_t now_us) const {
  if (set_) return has_begun_ ? set_->acknowledge(heard, durable_, now_us) : 0;
  std::vector<Seq> seqs;
  for (const auto& [name, seq] : heard) seqs.push_back(seq);
  const auto nth = seqs.begin() + static_cast<std::ptrdiff_t>(options_.count - 1);
  std::nth_element(seqs.begin(), nth, seqs.end(), std::greater<>());
  return *nth;
}

// Short of standbys since when? Either too few are heard of, or the oldest record that they have
// not acknowledged waits.
void SyncCommits::judge(std::int64_t now_us) {
  if (options_.count == 0) return;
  const auto waiting = std::find_if(notes_.begin(), notes_.end(), [this](const Note& note) {
    return note.prefix.seq > std::min(durable_, acknowledged_);
  });
  since_us_ = waiting == notes_.end() ? now_us : waiting->time_us;
  since_us_ = std::min(since_us_, staffed_at_us_);
  const auto age_us = now_us - since_us_;
  if (options_.policy != WhenUnreplicated::degrade) return;
  const auto timeout_us = options_.timeout_ms * 1000;
  const bool is_short = age_us >= timeout_us;
  const bool is_well = age_us <= std::min(timeout_us / 4, kCaughtUpWithin_us);
  const bool is_alone = state_.is_degraded != 0;
  const bool goes_alone = is_alone ? !is_well : is_short;
  // With a lease it must be known there before commits go on alone, or wait again.
  if (set_) set_->want_degraded(goes_alone);
  if (goes_alone == is_alone) return;
  if (set_ && set_->is_degraded_on_record() != goes_alone) return;
  if (set_) set_->go_alone(goes_alone);
  state_.is_degraded = goes_alone ? 1 : 0;
  if (goes_alone) {
    log::error("sync_degraded", "commits no longer wait: too few standbys have them",
               {{"wanted", options_.count},
                {"connected", state_.standbys},
                {"replicated_seq", state_.replicated.seq},
                {"durable_seq", durable_}});
  } else {
    log::info("sync_restored", "commits wait for standbys again",
              {{"replicated_seq", state_.replicated.seq}});
  }
}

void SyncCommits::publish(bool durable_moved, bool replicated_moved) {
  page_.publish(state_);
  if (durable_moved) page_.announce(commit_page::kDurableAdvanced);
  if (replicated_moved) page_.announce(commit_page::kReplicatedAdvanced);
}

void SyncCommits::wait_for_commit(std::chrono::microseconds at_most) {
  const auto now = monotonic_time_us();
  if (now - woken_at_us_ < kWokenLately_us) at_most = std::max(at_most, kWhileWoken);
  if (page_.wait_for_commit(at_most)) woken_at_us_ = now;
}

void SyncCommits::add_to(Status& status) const {
  if (options_.count == 0) return;
  const std::lock_guard lock(mutex_);
  status.sync = SyncStatus{options_.count, static_cast<std::size_t>(state_.standbys),
                           state_.is_degraded != 0};
  const auto missing =
      fmt::format("{} of the {} standbys that commits wait for", state_.standbys, options_.count);
  if (state_.is_degraded != 0) {
    status.warnings.push_back(
        fmt::format("DEGRADED: commits do not wait for standbys; connected: {}", missing));
  } else if (since_us_ != 0 && monotonic_time_us() - since_us_ > kWarnAfter_us) {
    status.warnings.push_back(fmt::format("commits wait; connected: {}", missing));
  }
}

}  // namespace understudy
