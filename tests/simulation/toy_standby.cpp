#include "tests/simulation/toy_standby.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy::sim {

ToyStandby::ToyStandby(Events& events, Chance& chance, ToyNetwork& network, const Truth* truth,
                       Place place, Sabotage sabotage, ToyDisk& disk)
    : events_(events),
      chance_(chance),
      network_(network),
      truth_(truth),
      place_(std::move(place)),
      sabotage_(sabotage),
      disk_(disk),
      log_(disk.log),
      replica_(disk.replica) {}

ToyStandby::~ToyStandby() {
  *alive_ = false;
}

// --- the process ---

void ToyStandby::start() {
  ++run_;
  FollowerStart start;
  start.node = place_.name;
  for (const auto upstream : place_.upstreams)
    start.endpoints.push_back(fmt::format("node-{}", upstream));
  start.prefer_primary = place_.prefer_primary;
  start.limits = {.window = 64 * 1024, .held = 32 * 1024, .group = 4 * kToyPageSize};
  if (log_) {
    log_->drop_open_tail();
    start.stream = log_->stream();
    start.log = log_->bounds();
    start.history = log_->history();
    const auto& shown = replica_.shown_at();
    if (shown && log_->position_at(shown->seq) == shown) start.applied = shown;
  }
  follower_ = std::make_unique<Follower>(std::move(start));
  network_.set_client(place_.client, this);
  serve();
  drive([](Follower&) {});
  schedule_apply();
}

void ToyStandby::crash() {
  ++run_;
  server_.reset();
  follower_.reset();
  network_.set_client(place_.client, nullptr);
  log_work_.clear();
  apply_work_.clear();
  log_scheduled_ = apply_scheduled_ = staging_ = false;
  ticket_ = 0;
  tick_at_ = 0;
  if (!truth_ || damaged_ || orphaned_ || acknowledged_ == 0) return;
  const auto& shown = replica_.shown_at();
  const bool goes_on = shown && log_ && shown->seq >= log_->bounds().base.seq;
  const Seq has = std::max(shown ? shown->seq : 0, goes_on ? log_->bounds().last.seq : 0);
  if (has < acknowledged_) {
    throw Broken(fmt::format("{} acknowledged {} as durable, and has {} after a crash", place_.name,
                             acknowledged_, has));
  }
}

void ToyStandby::lose_power() {
  crash();
  const auto& shown = replica_.shown_at();
  if (!shown || !log_ || damaged_ || orphaned_ || shown->seq <= log_->bounds().base.seq) return;
  // Back to some earlier commit that the log still can carry on from.
  const Seq back = log_->bounds().base.seq + chance_.below(shown->seq - log_->bounds().base.seq);
  const auto position = log_->position_at(back);
  if (!position || !truth_->knows(*position)) return;
  replica_.roll_back(*position, truth_->pages(back));
  shown_before_ = back;
}

void ToyStandby::drive(const std::function<void(Follower&)>& event) {
  if (!follower_) return;
  follower_->tick(events_.now());
  event(*follower_);
  take_actions();
}

void ToyStandby::take_actions() {
  if (driving_) return;
  driving_ = true;
  while (follower_) {
    auto actions = follower_->take_actions();
    if (actions.empty()) break;
    for (auto& action : actions) {
      std::visit([this](auto& a) { perform(a); }, action);
    }
  }
  driving_ = false;
  schedule_tick();
}

void ToyStandby::schedule_tick() {
  if (!follower_) return;
  const auto at = std::max(follower_->next_deadline_us(), events_.now() + 1);
  if (tick_at_ > events_.now() && tick_at_ <= at) return;
  tick_at_ = at;
  later(at - events_.now(), [this, at] {
    if (tick_at_ == at) drive([](Follower&) {});
  });
}

void ToyStandby::later(std::int64_t delay_us, std::function<void()> f) {
  events_.in(delay_us, [this, run = run_, alive = alive_, f = std::move(f)] {
    if (*alive && run == run_) f();
  });
}

void ToyStandby::on_answer(const Bytes& payload) {
  auto message = decode_message(payload);
  if (!message) throw Broken("a server sent bytes that are no message");
  drive([&](Follower& follower) { follower.on_message(std::move(*message)); });
}

void ToyStandby::on_broadcast(const Bytes& payload) {
  auto message = decode_message(payload);
  if (!message) throw Broken("a server broadcast bytes that are no message");
  drive([&](Follower& follower) { follower.on_live(std::move(*message)); });
}

// --- what the follower wants ---

void ToyStandby::perform(follow::Connect& connect) {
  network_.connect(place_.client, place_.upstreams.at(connect.endpoint));
}

void ToyStandby::perform(follow::Resubscribe&) {
  network_.subscribe(place_.client);
}

void ToyStandby::perform(follow::SendMessage& send) {
  network_.request(place_.client, encode_message(send.message));
}

void ToyStandby::perform(follow::Report& report) {
  reports_.push_back(
      fmt::format("{:9.3f} {}", static_cast<double>(events_.now()) / 1e6, report.text));
  if (reports_.size() > 40) reports_.pop_front();
}

void ToyStandby::perform(follow::Stop& stop) {
  throw Broken(fmt::format("{} stopped: {}", place_.name, stop.reason));
}

template <typename Work>
void ToyStandby::perform(Work& work) {
  if constexpr (std::is_constructible_v<LogWork, Work>) {
    log_work_.emplace_back(std::move(work));
    schedule_log();
  } else {
    apply_work_.emplace_back(std::move(work));
    schedule_apply();
  }
}

// --- the log thread ---

void ToyStandby::schedule_log() {
  if (std::exchange(log_scheduled_, true)) return;
  const bool slow = chance_.in_thousand(20);
  later(chance_.between(100, slow ? 300'000 : 2'000), [this] { log_step(); });
}

void ToyStandby::log_step() {
  log_scheduled_ = false;
  std::vector<Bytes> appended;
  for (auto left = 1 + chance_.below(16); left > 0 && !log_work_.empty(); --left) {
    auto work = std::move(log_work_.front());
    log_work_.pop_front();
    std::visit([&](auto& w) { carry_out(w, appended), ticket_ = w.ticket; }, work);
  }
  if (!log_work_.empty()) schedule_log();
  if (server_) server_->advance(appended);
  on_change();
  drive([&](Follower& follower) { follower.on_log(ticket_, log_->bounds()); });
  schedule_apply();
}

void ToyStandby::carry_out(follow::Append& append, std::vector<Bytes>& appended) {
  ++counts.appends;
  if (sabotage_ == Sabotage::lose_an_append && chance_.in_thousand(5)) return;
  appended.push_back(append.blob);
  log_->append(std::move(append.blob));
}

void ToyStandby::carry_out(follow::DropOpenTail&, std::vector<Bytes>& appended) {
  ++counts.tails_dropped;
  log_->drop_open_tail();
  if (server_) server_->advance(std::exchange(appended, {}));
}

void ToyStandby::keep_orphans(Seq after) {
  ++counts.orphanings;
  if (sabotage_ == Sabotage::lose_orphans) return;
  disk_.orphans.push_back({log_->history(), after, log_->bounds().last});
}

void ToyStandby::carry_out(follow::RewindLog& rewind, std::vector<Bytes>& appended) {
  if (server_) server_->advance(std::exchange(appended, {}));
  if (rewind.keep_until >= log_->bounds().base.seq) {
    ++counts.rewinds;
    keep_orphans(rewind.keep_until);
    log_->rewind(rewind.keep_until);
  }
  if (server_) server_->advance({});
  apply_work_.emplace_back(Rewound{log_->bounds().last.seq});
  schedule_apply();
}

void ToyStandby::carry_out(follow::ResetLog& reset, std::vector<Bytes>& appended) {
  appended.clear();
  if (log_) {
    if (reset.keep_orphans) keep_orphans(log_->bounds().base.seq);
    log_->reset(reset.base, reset.history);
  } else {
    log_.emplace(reset.stream, reset.base, reset.history);
  }
  serve();
  server_->advance({});
}

void ToyStandby::serve() {
  if (!log_ || server_) return;
  server_ =
      std::make_unique<ToyServer>(events_, chance_, network_, place_.server, log_, *this, false);
  server_->cluster = cluster;
  server_->advance({});
}

// --- the apply thread ---

void ToyStandby::schedule_apply() {
  if (std::exchange(apply_scheduled_, true)) return;
  const bool slow = chance_.in_thousand(20);
  later(chance_.between(50, slow ? 500'000 : 1'500), [this] { apply_step(); });
}

void ToyStandby::apply_step() {
  apply_scheduled_ = false;
  if (!apply_work_.empty()) {
    auto work = std::move(apply_work_.front());
    apply_work_.pop_front();
    schedule_apply();
    std::visit([this](auto& w) { carry_out(w); }, work);
    return check();
  }
  // A replica that is not in the history of the log is never carried on: resync comes.
  if (staging_ || !log_ || !follower_ || !follower_->applied()) return;
  const auto applied = replica_.apply_from(*log_, 1 + chance_.below(8));
  if (applied == ToyReplica::Applied::nothing) return;
  if (applied == ToyReplica::Applied::damaged) {
    if (!damaged_) {
      throw Broken(fmt::format("{}: a record does not fit its state (sum {})", place_.name,
                               hex(replica_.shown().sum())));
    }
    return drive([](Follower& follower) { follower.on_replica_lost("page hash"); });
  }
  check();
  shown_before_ = replica_.shown_at()->seq;
  schedule_apply();
  drive([&](Follower& follower) { follower.on_applied(*replica_.shown_at()); });
}

void ToyStandby::carry_out(follow::BeginResync& begin) {
  ++counts.resyncs;
  staging_ = true;
  replica_.begin_stage(begin.outline);
}

void ToyStandby::carry_out(follow::HashGroup& group) {
  auto hashes = replica_.hashes(group.first, group.count);
  drive([&](Follower& follower) { follower.on_hashes(group.first, std::move(hashes)); });
}

void ToyStandby::carry_out(follow::StoreGroup& store) {
  replica_.store(store.answer);
  drive([&](Follower& follower) { follower.on_group_stored(store.answer.first); });
}

void ToyStandby::carry_out(follow::FinishResync& finish) {
  const bool sabotaged = sabotage_ == Sabotage::ignore_as_of;
  if (!replica_.finish_stage(*log_, finish.min_seq, sabotaged)) {
    ++counts.failed_resyncs;
    return drive([](Follower& follower) { follower.on_resync_failed("wrong sum"); });
  }
  staging_ = damaged_ = false;
  // Finished from what is no longer history, or about to follow it: the next resync heals that.
  const bool is_history =
      truth_ && truth_->knows(*replica_.shown_at()) && truth_->knows(log_->bounds().last);
  orphaned_ = orphaned_ && (!is_history || upstream_is_orphaned());
  if (log_->bounds().base.seq < shown_before_) shown_before_ = 0;
  drive([&](Follower& follower) { follower.on_resync_finished(*replica_.shown_at()); });
}

// What the log still carries on. Where a resync is under way there is nothing, and it begins anew.
void ToyStandby::carry_out(Rewound& rewound) {
  std::optional<Position> left;
  const auto& shown = replica_.shown_at();
  const bool fits = shown && shown->seq <= rewound.to && log_->position_at(shown->seq) == shown;
  if (fits && !staging_ && !damaged_) left = shown;
  drive([&](Follower& follower) { follower.on_replica_rewound(left); });
}

// --- takeover ---

void ToyStandby::prefer(std::size_t endpoint) {
  drive([&](Follower& follower) { follower.prefer(endpoint); });
}

bool ToyStandby::drain() {
  if (!follower_ || !log_ || staging_ || !follower_->applied()) return false;
  std::vector<Bytes> appended;
  while (!log_work_.empty()) {
    auto* append = std::get_if<follow::Append>(&log_work_.front());
    if (!append) return false;
    ticket_ = append->ticket;
    carry_out(*append, appended);
    log_work_.pop_front();
  }
  if (server_) server_->advance(appended);
  auto applied = ToyReplica::Applied::some;
  while (applied == ToyReplica::Applied::some) applied = replica_.apply_from(*log_, 1000);
  on_change();
  drive([&](Follower& follower) {
    follower.on_log(ticket_, log_->bounds());
    follower.on_applied(*replica_.shown_at());
  });
  return log_work_.empty() && replica_.shown_at() == log_->bounds().last;
}

}  // namespace understudy::sim
