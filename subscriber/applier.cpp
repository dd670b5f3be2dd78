#include "subscriber/applier.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace understudy {
namespace {

constexpr std::chrono::milliseconds kWriterPatience{10'000};
constexpr std::chrono::milliseconds kIdleWait{1000};
constexpr std::chrono::milliseconds kCheckpointEvery{250};
constexpr std::chrono::milliseconds kRestEvery{1000};
constexpr std::uint32_t kCheckpointBacklog = 2000;  // frames
// Records that queue up are merged into one commit for so long, unless they fill the overlay first.
constexpr std::int64_t kMergeLimit_us = 100'000;
constexpr std::int64_t kSaveEvery_us = 5'000'000;
constexpr std::size_t kReadBytes = 512 * 1024;
constexpr std::size_t kFreshBytes = 4 * 1024 * 1024;

}  // namespace

Applier::Applier(std::string database, const StateDirectory& directory, OpenLog open_log, Tell tell,
                 Progress& progress, std::shared_ptr<Meters> meters)
    : database_(std::move(database)),
      directory_(directory),
      open_log_(std::move(open_log)),
      tell_(std::move(tell)),
      progress_(progress),
      meters_(std::move(meters)),
      fresh_(kFreshBytes) {}

Applier::~Applier() {
  checkpoint_thread_.reset();
  answer_nobody();
  for (auto& question : inbox_.questions) question.done(std::nullopt);
}

std::optional<Position> Applier::open(const StreamId& stream, bool has_log,
                                      std::optional<wal::WriteFence> fence,
                                      const std::optional<wal::Cursor>& last_writer) {
  const bool is_there = Replica::look_for(database_) == ReplicaFile::present;
  if (!is_there || stream.is_nil()) return std::nullopt;
  open_replica(stream, std::move(fence));
  if (!has_log) {
    is_lost_ = true;
    return std::nullopt;
  }
  log_ = open_log_();
  const auto position = locate(last_writer);
  is_lost_ = !position.has_value();
  publish_outline();
  return position;
}

void Applier::open_replica(const StreamId& stream, std::optional<wal::WriteFence> fence) {
  stream_ = stream;
  const ReplicaOptions options{
      .path = database_, .state_dir = directory_.path(), .stream = stream, .vfs = {}};
  // Somebody may be writing just now: before this node was a standby, or while it was down.
  if (!fence) fence.emplace(database_);
  if (fence->take(kWriterPatience))
    replica_.emplace(options, std::move(*fence).hand_over());
  else
    replica_.emplace(options);  // says who is in the way
  checkpoint_thread_.reset();
  checkpointer_ = std::make_unique<Checkpointer>(database_, "");
  checkpoint_thread_ = std::make_unique<PeriodicThread>("checkpoint", kCheckpointEvery,
                                                        [this] { return checkpoint_beside(); });
}

std::optional<Position> Applier::locate(const std::optional<wal::Cursor>& last_writer) {
  bool began = false;
  const auto located = replica_->locate(
      *log_,
      [&](PageNo done, PageNo total) {
        if (!began) progress_.begin("comparing " + database_, total, ProgressUnit::pages);
        began = true;
        heartbeat::turn();
        progress_.advance(done);
      },
      last_writer);
  progress_.end();
  if (located == Located::diverged) {
    log::warning("replica_diverged",
                 "the standby's file is no state of its log; it must be resynced");
    return std::nullopt;
  }
  if (log_->position_at(replica_->position().seq) != replica_->position()) {
    log::warning("replica_not_in_log", "the log does not go on from what the replica shows",
                 {{"position", replica_->position().to_string()}});
    return std::nullopt;
  }
  log::info("replica_located",
            located == Located::by_fingerprint ? "the replica's WAL tells its position"
                                               : "the replica's state sum tells its position",
            {{"position", replica_->position().to_string()}});
  return replica_->position();
}

void Applier::run() {
  const heartbeat::Loop loop("apply");
  while (!stopping_) {
    heartbeat::turn();
    take(patience());
    if (is_waiting_for_space() && !may_try_again()) {
      answer_nobody();
      continue;
    }
    try {
      if (is_waiting_for_space()) try_again();
      do_what_is_due();
    } catch (const Error& failure) {
      if (!is_disk_full(failure)) throw;
      wait_for_space(failure.what());
    }
  }
  end();
}

void Applier::do_what_is_due() {
  if (std::exchange(due_.replaced, false)) log_.reset();
  const bool rewound = std::exchange(due_.rewound, false);
  if (rewound && can_apply() && replica_->has_pending()) replica_->abandon();
  while (!due_.work.empty()) {
    auto work = std::move(due_.work.front());
    due_.work.pop_front();
    std::visit([this](auto& item) { carry_out(item); }, work);
  }
  if (due_.rewound_to) tell_what_is_left(*std::exchange(due_.rewound_to, std::nullopt));
  has_more_ = has_more_ && can_apply();
  if (can_apply()) apply_log();
  if (wants_finish_) try_finish();
  while (!due_.questions.empty()) {
    auto question = std::move(due_.questions.front());
    due_.questions.pop_front();
    answer(question);
  }
  do_upkeep();
  if (retry_delay_us_ != 0 && can_apply() && !has_more_) note_space_again();
}

// What cannot be saved now is found again at the next start.
void Applier::end() {
  if (!can_apply()) return;
  try {
    if (replica_->has_pending()) replica_->abandon();
    save();
  } catch (const Error& failure) {
    if (!is_disk_full(failure)) throw;
    wait_for_space(failure.what());
  }
}

std::optional<ReplicaHandover> Applier::hand_over() {
  if (!can_apply() || !replica_->is_located()) return std::nullopt;
  checkpoint_thread_.reset();
  replica_->make_durable();
  const auto position = replica_->position();
  const auto cursor = replica_->cursor();
  const auto page_size = replica_->page_size();
  const auto page_count = replica_->page_count();
  auto fence = replica_->give_up_lock();
  replica_.reset();
  return ReplicaHandover{std::move(fence), position, cursor, page_size, page_count};
}

void Applier::stop() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  filled_.notify_all();
}

void Applier::push(Work work) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.work.push_back(std::move(work));
  }
  filled_.notify_one();
}

void Applier::on_log(const Intake::Done& done) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.log_grew = true;
    inbox_.rewound = inbox_.rewound || done.rewound;
    inbox_.replaced = inbox_.replaced || done.replaced;
    if (done.rewound_to) inbox_.rewound_to = done.rewound_to;
  }
  if (done.rewound) fresh_.clear();
  fresh_.put(done.batches, done.bounds.next);
  filled_.notify_one();
}

void Applier::take(std::chrono::milliseconds patience) {
  Inbox taken;
  {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, patience, [this] { return stopping_ || !inbox_.is_empty(); });
    taken = std::exchange(inbox_, {});
  }
  std::move(taken.work.begin(), taken.work.end(), std::back_inserter(due_.work));
  std::move(taken.questions.begin(), taken.questions.end(), std::back_inserter(due_.questions));
  due_.rewound = due_.rewound || taken.rewound;
  due_.replaced = due_.replaced || taken.replaced;
  if (taken.rewound_to) due_.rewound_to = taken.rewound_to;
}

std::chrono::milliseconds Applier::patience() const {
  if (!is_waiting_for_space()) return has_more_ ? std::chrono::milliseconds{0} : kIdleWait;
  const auto left = std::max<std::int64_t>(0, retry_at_us_ - monotonic_time_us());
  return std::chrono::milliseconds{left / 1000 + 1};
}

// One commit of all that the log has now: live that is one batch. While there is more and more, as
// in a catch-up, the commit takes what comes for kMergeLimit_us: a page that many records change is
// written once. It returns after each such commit, so that nothing else waits for the log's end.
void Applier::apply_log() {
  if (!log_) log_ = open_log_();
  const auto until = monotonic_time_us() + kMergeLimit_us;
  has_more_ = true;
  while (has_more_ && !stopping_) {
    heartbeat::turn();
    if (!apply_next()) return;
    if (has_more_ && replica_->at_boundary() && monotonic_time_us() >= until) break;
  }
  if (replica_->at_boundary() && replica_->has_pending()) (void)commit();
}

// False: nothing may be committed, because parts were taken back or the replica is lost. That is
// looked at after reading: what was read may go on from parts other than those fed before.
bool Applier::apply_next() {
  const auto from = replica_->expected();
  if (const auto fresh = fresh_.take(from)) return !took_back() && apply_batch(fresh->view());
  if (!fresh_.is_log_end(from)) return apply_from_log();
  has_more_ = false;
  return !took_back();
}

bool Applier::apply_from_log() {
  const auto blobs = log_->read(replica_->expected(), kReadBytes);
  if (took_back()) return false;
  has_more_ = !blobs.empty();
  if (!has_more_) return check_log_reaches_replica();
  for (const auto& blob : blobs) {
    const auto batch = BatchView::parse(blob);
    if (!batch) {
      throw CorruptionError(directory_.backend() + ": the batch with record " +
                            std::to_string(replica_->expected().seq) + " is damaged");
    }
    if (!apply_batch(*batch)) return false;
  }
  return true;
}

bool Applier::took_back() {
  const std::lock_guard lock(mutex_);
  return inbox_.rewound;
}

bool Applier::apply_batch(const BatchView& batch) {
  if (!batch.unpack(raw_)) {
    throw CorruptionError(directory_.backend() + ": the batch with record " +
                          std::to_string(replica_->expected().seq) + " is damaged");
  }
  ByteView rest(raw_);
  while (!rest.empty()) {
    if (!decode_part(rest, part_)) {
      throw CorruptionError(directory_.backend() + ": a part of record " +
                            std::to_string(replica_->expected().seq) + " is damaged");
    }
    if (!feed(part_)) return false;
  }
  return true;
}

bool Applier::feed(const RecordPart& part) {
  if (replica_->at_boundary() && replica_->should_commit_before(part.header) && !commit()) {
    return false;
  }
  const auto result = replica_->feed(part);
  switch (result.outcome) {
    case FeedResult::Outcome::accepted:
    case FeedResult::Outcome::duplicate:
      return true;
    case FeedResult::Outcome::gap:
      lose_replica("the log does not go on from " + replica_->position().to_string());
      return false;
    case FeedResult::Outcome::diverged:
      lose_replica(result.reason);
      return false;
  }
  return false;
}

bool Applier::commit() {
  const auto begun_us = monotonic_time_us();
  const auto result = replica_->prepare();
  if (!result.is_accepted()) {
    lose_replica(result.reason);
    return false;
  }
  replica_->publish();
  meters_->apply.observe(monotonic_time_us() - begun_us);
  publish_outline();
  tell_([position = replica_->position()](Follower& follower) { follower.on_applied(position); });
  return true;
}

void Applier::lose_replica(const std::string& reason) {
  is_lost_ = true;
  has_more_ = false;
  {
    const std::lock_guard lock(mutex_);
    outline_.reset();
  }
  log::error("replica_lost", reason, {{"position", replica_->position().to_string()}});
  tell_([reason](Follower& follower) { follower.on_replica_lost(reason); });
}

bool Applier::check_log_reaches_replica() {
  const auto base = log_->bounds().base.seq;
  if (base <= replica_->expected().seq - 1) return true;
  lose_replica("the log begins behind record " + std::to_string(base) + " only");
  return false;
}

void Applier::do_upkeep() {
  if (!can_apply() || replica_->has_pending()) return;
  const auto usage = replica_->wal_usage();
  wal_backlog_ = usage.frames - std::min(usage.frames, usage.backfilled);
  replica_->upkeep(true);
  const auto now = monotonic_time_us();
  if (now - last_save_us_ >= kSaveEvery_us) save();
}

// After this the log is not needed for what came before.
void Applier::save() {
  last_save_us_ = monotonic_time_us();
  if (keep_after_ != 0 && replica_->position().seq == keep_after_) return;  // 0: none is saved
  const heartbeat::LongWork work;  // an fsync of all that was checkpointed
  replica_->make_durable();
  replica_->save_hashes();
  keep_after_ = replica_->durable_position().seq;
}

// On the checkpoint thread, with a connection of its own.
std::chrono::milliseconds Applier::checkpoint_beside() {
  const auto backlog = wal_backlog_.load();
  if (backlog < kCheckpointBacklog) return backlog == 0 ? kRestEvery : kCheckpointEvery;
  try {
    (void)checkpointer_->run();
    wal_backlog_ = 0;
  } catch (const Error& error) {
    if (checkpoint_trouble_.came(error.what(), monotonic_time_us()))
      log::warning("checkpoint_failed", error.what());
  }
  return kCheckpointEvery;
}

}  // namespace understudy
