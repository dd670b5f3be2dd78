#include "subscriber/subscriber.h"

#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"
#include "common/node/identity.h"
#include "common/node/snapshot_view.h"
#include "common/node/standby_view.h"
#include "common/wal/raw_database.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

// What the database shows, for orphans: their records hold changes, not all of each page. Nothing
// is locked; the hash on record tells whether a page is the right one. Opened when it is first
// needed.
LastPageReader reader_of_last_pages(const std::string& database) {
  return [database, raw = std::shared_ptr<wal::RawDatabase>()](
             PageNo page, std::span<std::byte> content) mutable {
    try {
      if (!raw) raw = std::make_shared<wal::RawDatabase>(database);
      const auto header = raw->index().read_header();
      if (!header || content.size() != raw->page_size()) return false;
      raw->read_page(page, header->last_frame, content);
      return true;
    } catch (const Error&) {
      return false;  // the content is built from the records then, as far as they tell
    }
  };
}

std::vector<std::string> texts_of(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> texts;
  for (const auto& endpoint : endpoints) texts.push_back(endpoint.to_string());
  return texts;
}

}  // namespace

Subscriber::Subscriber(SubscriberOptions options, const StateDirectory& directory,
                       std::optional<wal::WriteFence> fence)
    : options_(std::move(options)),
      directory_(directory),
      fence_(std::move(fence)),
      progress_(make_progress()) {}

Subscriber::~Subscriber() {
  end_threads();
}

void Subscriber::run() {
  open();
  if (const auto bounds = intake_->bounds())
    on_log({.ticket = 0, .bounds = *bounds, .batches = {}});
  log_thread_ = start_thread([this] { run_guarded("log", [this] { intake_->run(); }); });
  apply_thread_ = start_thread([this] { run_guarded("apply", [this] { applier_->run(); }); });
  follow_->run();
  end_threads();
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void Subscriber::open() {
  Intake::Options log_options{.backend_path = directory_.backend(),
                              .node = options_.node,
                              .orphans_folder = directory_.path() + "/orphans",
                              .read_page = reader_of_last_pages(options_.database),
                              .retention = options_.retention,
                              .keep_after = [this] { return applier_->keep_after(); },
                              .floors =
                                  [this] {
                                    const auto keeper = snapshots();
                                    return RetentionFloors{keeper ? keeper->keep_after() : Seq{0},
                                                           options_.archive_floor()};
                                  },
                              .meters = options_.meters};
  auto intake = std::make_unique<Intake>(std::move(log_options),
                                         [this](const Intake::Done& done) { on_log(done); });
  const auto bounds = intake->bounds();
  const auto identity = load_identity(directory_);
  const auto stream = bounds ? intake->stream() : identity ? identity->stream : StreamId{};
  auto* log = intake.get();
  auto applier = std::make_unique<Applier>(
      options_.database, directory_, [log] { return log->open_reader(); },
      [this](std::function<void(Follower&)> event) { follow_->post(std::move(event)); }, *progress_,
      options_.meters);
  const auto applied =
      applier->open(stream, bounds.has_value(), std::exchange(fence_, {}), intake->last_writer());
  // The replica's ring names the position now, durably.
  if (applied) intake->forget_last_writer();
  FollowerStart start{.node = options_.node,
                      .endpoints = texts_of(options_.from),
                      .stream = stream,
                      .log = bounds,
                      .applied = applied,
                      .history = intake->history(),
                      .prefer_primary = options_.prefer_primary};
  auto follow = std::make_unique<FollowLoop>(
      std::move(start), options_.from, *intake, *applier,
      [this](const StreamId& known) { claim_stream(directory_, known); }, directory_.commit_page(),
      options_.security, options_.meters);
  const std::lock_guard lock(mutex_);
  intake_ = std::move(intake);
  applier_ = std::move(applier);
  follow_ = std::move(follow);
  if (stopping_) follow_->stop();
}

// After each fsync, on the thread that did it (and once before they start). One call at a time.
void Subscriber::on_log(const Intake::Done& done) {
  note_bytes(done);
  applier_->on_log(done);
  if (!done.follower_knows) {
    follow_->post([ticket = done.ticket, bounds = done.bounds](Follower& follower) {
      follower.on_log(ticket, bounds);
    });
  }
  if (options_.listen) serve(done);
  keep_snapshots(done);
}

void Subscriber::note_bytes(const Intake::Done& done) {
  std::uint64_t appended = 0;
  for (const auto& batch : done.batches) appended += batch.view().blob.size();
  const std::lock_guard lock(mutex_);
  log_bytes_.note(done.bounds, appended);
}

// Those of its own log, and for what it only heard of, as many as those have on average.
std::uint64_t Subscriber::lag_bytes(const FollowStatus& follow, Seq applied) const {
  const auto known = follow.server_last ? follow.server_last->seq : Seq{0};
  const auto unseen = known - std::min(known, std::max(follow.durable.seq, applied));
  return log_bytes_.after(applied) + log_bytes_.estimate(unseen);
}

// As with serving: once there is a log, and anew when that becomes another file.
void Subscriber::keep_snapshots(const Intake::Done& done) {
  if (done.replaced) end_keeper();
  if (keeper_) return;
  SnapshotKeeperOptions keeping{.folder = directory_.snapshots(),
                                .stream = intake_->stream(),
                                .open_log = [this] { return intake_->open_reader(); },
                                .retention = options_.retention,
                                .every_us = options_.snapshot_every_us};
  auto keeper = std::make_shared<SnapshotKeeper>(*applier_, std::move(keeping));
  const std::lock_guard lock(mutex_);
  keeper_ = std::move(keeper);
}

void Subscriber::end_keeper() {
  std::shared_ptr<SnapshotKeeper> keeper;  // ends outside the mutex, as others ask for it there
  {
    const std::lock_guard lock(mutex_);
    keeper = std::move(keeper_);
  }
  if (keeper) keeper->end();
}

std::shared_ptr<SnapshotKeeper> Subscriber::snapshots() const {
  const std::lock_guard lock(mutex_);
  return keeper_;
}

// Serving begins once there is a log to serve, and anew when that becomes another file.
void Subscriber::serve(const Intake::Done& done) {
  if (done.replaced) end_server();
  if (!server_) start_server();
  std::vector<BatchView> views;
  views.reserve(done.batches.size());
  for (const auto& batch : done.batches) views.push_back(batch.view());
  server_->advance(done.bounds, views);
}

void Subscriber::start_server() {
  ServerOptions serving{.node = options_.node,
                        .stream = intake_->stream(),
                        .listen = *options_.listen,
                        .listener = options_.held ? options_.held->take() : nullptr,
                        .security = options_.security,
                        .failed = [this](std::exception_ptr failure) { fail(std::move(failure)); },
                        .cluster = options_.cluster};
  auto server =
      std::make_unique<Server>(std::move(serving), intake_->open_reader(), applier_.get());
  const std::lock_guard lock(mutex_);
  server_ = std::move(server);
}

void Subscriber::end_server() {
  std::unique_ptr<Server> server;  // ends outside the mutex: its thread may be in fail()
  const std::lock_guard lock(mutex_);
  server = std::move(server_);
}

void Subscriber::run_guarded(const char* name, const std::function<void()>& body) {
  pthread_setname_np(pthread_self(), name);
  try {
    body();
  } catch (const std::exception&) {
    fail(std::current_exception());
  }
}

void Subscriber::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
  if (follow_) follow_->stop();
}

void Subscriber::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (follow_) follow_->stop();
}

void Subscriber::prefer(const Endpoint& endpoint) {
  const auto found = std::find(options_.from.begin(), options_.from.end(), endpoint);
  const std::lock_guard lock(mutex_);
  if (found == options_.from.end() || !follow_) return;
  const auto index = static_cast<std::size_t>(found - options_.from.begin());
  follow_->post([index](Follower& follower) { follower.prefer(index); });
}

std::optional<ReplicaHandover> Subscriber::hand_over() {
  if (!applier_) return std::nullopt;
  auto handover = applier_->hand_over();
  const std::lock_guard lock(mutex_);
  follow_.reset();
  applier_.reset();
  intake_.reset();
  return handover;
}

void Subscriber::end_threads() {
  if (intake_) intake_->stop();
  if (applier_) applier_->stop();
  if (log_thread_.joinable()) log_thread_.join();
  if (apply_thread_.joinable()) apply_thread_.join();
  end_server();
  end_keeper();
}

Status Subscriber::status() const {
  Status status;
  status.role = NodeRole::standby;
  status.from = texts_of(options_.from);
  if (options_.listen) status.listen = options_.listen->to_string();
  const std::lock_guard lock(mutex_);
  if (!follow_) return status;
  const auto follow = follow_->status();
  status.state = parse_node_state(to_string(follow.state)).value_or(NodeState::connecting);
  status.stream_id = follow.stream;
  status.followed = follow.server_name;
  status.position = follow.applied.value_or(Position{});
  status.progression = Progression{follow.received, follow.durable.seq, status.position.seq};
  if (follow.server_last) {
    status.primary_seq = follow.server_last->seq;
    status.lag_transactions =
        follow.server_last->seq - std::min(follow.server_last->seq, status.position.seq);
    status.lag_seconds = follow.lag_seconds;
    status.lag_bytes = lag_bytes(follow, status.position.seq);
  }
  if (const auto bounds = intake_->bounds()) {
    status.backend =
        BackendStatus{bounds->first_seq(), bounds->last.seq, bounds->bytes, bounds->oldest_time_us};
    status.backend->limit_bytes = options_.retention.max_bytes;
  }
  if (intake_->is_disk_full())
    status.warnings.push_back("the backend's disk is full; records wait");
  if (!follow.trouble.empty()) status.warnings.push_back(follow.trouble);
  if (const auto trouble = applier_->trouble()) status.warnings.push_back(*trouble);
  if (keeper_) add_snapshot(keeper_->report(), status);
  if (!server_) return status;
  for (const auto& peer : server_->statuses()) status.standbys.push_back(to_standby_status(peer));
  return status;
}

}  // namespace understudy
