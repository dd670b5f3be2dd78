#include "replay/replay.h"

#include "common/backend/upkeep_thread.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/logging/log.h"
#include "common/node/identity.h"
#include "common/orphans/keep_orphans.h"
#include "common/replica/replica.h"
#include "replay/durable_ahead.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kWriterPatience{10'000};
// Records are merged into one commit for so long, unless they fill the overlay first.
constexpr std::int64_t kMergeLimit_us = 100'000;

NodeIdentity claim_standby(const StateDirectory& directory, const std::string& database,
                           const StreamId& stream) {
  const auto identity = claim_identity(directory, database, NodeRole::standby, {});
  if (identity.role != NodeRole::standby) {
    throw ConfigError(
        fmt::format("{} was a primary last: its application writes to it, and its publisher knows "
                    "what; replay is for replicas",
                    database));
  }
  claim_stream(directory, stream);
  return identity;
}

// Waits for whoever is writing just now.
Replica open_replica(const ReplicaOptions& options) {
  wal::WriteFence fence(options.path);
  if (!fence.take(kWriterPatience)) return Replica(options);  // says who is in the way
  return {options, std::move(fence).hand_over()};
}

class Replaying {
 public:
  Replaying(LogChain& chain, const ReplayPlan& plan, const ReplicaPlace& place, Progress& progress,
            const std::function<bool()>& is_cancelled)
      : chain_(chain),
        plan_(plan),
        progress_(progress),
        is_cancelled_(is_cancelled),
        directory_(place.state_dir),
        lock_(made(directory_)),
        identity_(claim_standby(directory_, place.database, chain.stream())),
        replica_(open_replica({.path = place.database,
                               .state_dir = directory_.path(),
                               .stream = chain.stream(),
                               .vfs = {}})) {}

  Replayed run() {
    failure_point("replay_claimed");
    open_own_log();
    locate();
    failure_point("replay_located");
    join_own_log();
    failure_point("replay_joined");
    apply();
    save();
    return {replica_.position(), replica_.position().seq == plan_.target.seq};
  }

 private:
  static const StateDirectory& made(const StateDirectory& directory) {
    directory.create();
    return directory;
  }

  void open_own_log();
  void locate();
  void join_own_log();
  void put_aside_what_does_not_count();
  void begin_own_log_anew();
  void apply();
  void feed(ByteView parts);
  [[noreturn]] void refuse(const std::string& why) const;
  void commit();
  void save();
  [[nodiscard]] ScanProgress scanning();
  [[nodiscard]] History history_until(const Position& position) const;

  LogChain& chain_;
  const ReplayPlan& plan_;
  Progress& progress_;
  const std::function<bool()>& is_cancelled_;
  StateDirectory directory_;
  StateLock lock_;
  NodeIdentity identity_;
  Replica replica_;
  std::unique_ptr<Backend> own_log_;
  RecordPart part_;  // scratch
};

void Replaying::open_own_log() {
  if (!sqlite_backend_exists(directory_.backend())) return;
  own_log_ = open_sqlite_backend(directory_.backend());
  own_log_->drop_open_tail();
}

// The plan knows the position already; this finds the page hashes, and that nothing has changed
// since. Several positions may have one state (an epoch record changes none): the plan's counts.
void Replaying::locate() {
  auto log = own_log_ ? own_log_->open_reader() : nullptr;
  const auto last_writer = own_log_ ? wal::Cursor::decode(own_log_->cursor()) : std::nullopt;
  (void)replica_.locate(log ? *log : chain_, scanning(), last_writer);
  progress_.end();
  if (replica_.hashes().sum() != plan_.from.sum) {
    throw ConfigError("the replica has changed since its position was found; try again");
  }
  if (!replica_.is_located() || replica_.position() != plan_.from) {
    replica_.adopt(plan_.from, replica_.hashes());
  }
  if (own_log_ && !own_log_->cursor().empty()) own_log_->set_cursor({});
}

// From here on own_log_ is one run with the chain, and append() goes on with its next part.
void Replaying::join_own_log() {
  if (!own_log_) {
    own_log_ = open_sqlite_backend(directory_.backend(), chain_.stream(), plan_.from,
                                   history_until(plan_.from));
    return;
  }
  put_aside_what_does_not_count();
  const auto last = own_log_->bounds().last;
  if (chain_.position_at(last.seq) != last) begin_own_log_anew();
}

void Replaying::put_aside_what_does_not_count() {
  const auto bounds = own_log_->bounds();
  const auto shared = compare(chain_.whole_history(), own_log_->history()).common;
  if (shared >= bounds.last.seq) return;
  const auto kept = keep_orphans(*own_log_->open_reader(), shared, directory_.path() + "/orphans",
                                 {identity_.node, "replay of a log of a later primary"});
  if (kept) {
    log::warning("orphans_kept", "records that no later primary has are kept",
                 {{"name", kept->name}, {"records", std::to_string(kept->records)}});
  }
  failure_point("replay_put_aside");
  if (shared >= bounds.base.seq) own_log_->rewind(shared);
}

// Its records are of the same history, or none of it: but it is no run with what is to be applied.
void Replaying::begin_own_log_anew() {
  const auto bounds = own_log_->bounds();
  if (bounds.last.seq > plan_.from.seq) {
    throw ConfigError(fmt::format(
        "{} has records {} to {} already, and those before them are missing: name a log that leads "
        "there",
        directory_.backend(), bounds.first_seq(), bounds.last.seq));
  }
  own_log_->reset(plan_.from, history_until(plan_.from));
}

History Replaying::history_until(const Position& position) const {
  const auto history = up_to(chain_.whole_history(), position);
  if (!history) {
    throw CorruptionError(
        fmt::format("the logs do not know the epoch of {}", position.to_string()));
  }
  return *history;
}

void Replaying::apply() {
  const auto from = std::min(replica_.expected(), own_log_->bounds().next);
  const UpkeepThread upkeep(*own_log_);
  DurableAhead ahead(chain_, *own_log_, from, plan_.target.seq);
  progress_.begin("applying records", plan_.records(), ProgressUnit::records);
  auto commit_at_us = monotonic_time_us() + kMergeLimit_us;
  while (!is_cancelled_()) {
    const auto chunk = ahead.next();
    if (chunk.empty()) break;
    for (const auto& parts : chunk) feed(parts);
    const auto now_us = monotonic_time_us();
    if (now_us < commit_at_us || !replica_.at_boundary()) continue;
    commit();
    commit_at_us = now_us + kMergeLimit_us;
  }
  if (replica_.has_pending() && replica_.at_boundary()) commit();
  if (replica_.has_pending()) replica_.abandon();
  progress_.end();
}

void Replaying::feed(ByteView parts) {
  while (!parts.empty()) {
    if (!decode_part(parts, part_)) refuse("it does not decode");
    if (replica_.at_boundary() && replica_.has_pending() &&
        replica_.should_commit_before(part_.header)) {
      commit();
    }
    const auto result = replica_.feed(part_);
    const bool fits = result.outcome == FeedResult::Outcome::duplicate || result.is_accepted();
    if (!fits) refuse(result.reason.empty() ? "records before it are missing" : result.reason);
  }
}

void Replaying::refuse(const std::string& why) const {
  throw CorruptionError(fmt::format("record {} does not fit the replica, which is at {}: {}",
                                    part_.header.seq, replica_.position().to_string(), why));
}

void Replaying::commit() {
  const auto result = replica_.prepare();
  if (!result.is_accepted()) {
    throw CorruptionError(fmt::format("the records behind {} do not lead where they say: {}",
                                      replica_.position().to_string(), result.reason));
  }
  failure_point("replay_prepared");
  replica_.publish();
  failure_point("replay_published");
  replica_.upkeep(false);
  progress_.advance(replica_.position().seq - plan_.from.seq);
}

// Proves every page once more, as it is on file.
void Replaying::save() {
  replica_.make_durable();
  (void)replica_.rescan(scanning());
  progress_.end();
  if (replica_.hashes().sum() != replica_.position().sum) {
    throw CorruptionError(
        fmt::format("the replica is not what the log says of {}: its pages were "
                    "changed by somebody else, or the disk lies",
                    replica_.position().to_string()));
  }
  replica_.save_hashes();
  failure_point("replay_saved");
}

ScanProgress Replaying::scanning() {
  return [this, began = false](PageNo done, PageNo total) mutable {
    if (!std::exchange(began, true)) {
      progress_.begin("comparing pages", total, ProgressUnit::pages);
    }
    progress_.advance(done);
  };
}

}  // namespace

Replayed replay(LogChain& chain, const ReplayPlan& plan, const ReplicaPlace& place,
                Progress& progress, const std::function<bool()>& is_cancelled) {
  return Replaying(chain, plan, place, progress, is_cancelled).run();
}

}  // namespace understudy
