#include "publisher/session.h"

#include "common/backend/roll_forward.h"
#include "common/core/errors.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"
#include "common/node/identity.h"
#include "common/node/snapshot_view.h"
#include "common/node/standby_view.h"

#include <pthread.h>

namespace understudy {
namespace {

constexpr std::size_t kQueueBytes = 8 * 1024 * 1024;

WalStatus to_wal_status(const TailStatus& tail) {
  return {tail.state,          tail.wal_frames,  tail.resets,     tail.windows,
          tail.windows_missed, tail.checkpoints, tail.lock_grabs, 0};
}

}  // namespace

Session::Session(const PublisherOptions& options, const StateDirectory& directory, bool serves,
                 Progress& progress)
    : options_(options),
      directory_(directory),
      serves_(serves),
      progress_(progress),
      queue_(kQueueBytes) {}

Session::~Session() {
  end_threads();
}

void Session::run() {
  auto start = sqlite_backend_exists(directory_.backend()) ? recover() : begin_new_stream();
  const bool is_new = start.is_new_stream;
  database_ = std::make_unique<wal::RawDatabase>(options_.database);
  {
    auto capture = std::make_unique<Capture>(*database_, queue_, std::move(start), options_.tail,
                                             directory_.page_hashes(), progress_);
    const std::lock_guard lock(mutex_);
    capture_ = std::move(capture);
    if (stopping_) return;
  }
  if (is_new && !create_backend()) return;
  start_threads();
  log::info("publishing", "records are served",
            {{"stream", stream_.to_string()},
             {"position", log_->bounds().last.to_string()},
             {"listen", (server_ ? server_->endpoint() : options_.listen).to_string()}});
  capture();
}

void Session::capture() {
  try {
    capture_->run(*log_, *commits_);
  } catch (const LogStalled&) {
    end_threads();
    rethrow_failure();  // that of the log thread, when that is why it takes nothing: may be final
    throw;
  } catch (const TailLost&) {
    end_threads();
    rethrow_failure();
    // Not to be taken up where it was: what made the tail lose its way would do so again. The next
    // session compares all pages. Durable, so it does so after a kill too.
    backend_->set_cursor({});
    throw;
  }
  end_threads();
  rethrow_failure();
}

CaptureStart Session::recover() {
  backend_ = open_sqlite_backend(directory_.backend());
  stream_ = backend_->stream();
  claim_stream(directory_, stream_);
  backend_->drop_open_tail();
  const auto cursor = backend_->cursor();
  backend_->set_cursor(cursor);  // a full disk shows here, before the application's WAL is touched
  CaptureStart start;
  start.stream = stream_;
  start.position = backend_->bounds().last;
  start.cursor = wal::Cursor::decode(cursor);
  auto saved = PageHashes::load(directory_.page_hashes(), stream_);
  if (!saved) {
    log::warning("page_hashes_missing", "no table of page hashes; all pages go on record anew");
    return start;
  }
  const auto reader = backend_->open_reader();
  if (roll_forward(saved->table, saved->seq, start.position.seq, start.position.sum, *reader)) {
    start.hashes = std::move(saved->table);
  } else {
    log::warning("page_hashes_stale", "the table of page hashes does not lead to the last record",
                 {{"table_seq", saved->seq}, {"last_seq", start.position.seq}});
  }
  return start;
}

CaptureStart Session::begin_new_stream() {
  if (const auto identity = load_identity(directory_); identity && !identity->stream.is_nil()) {
    throw ConfigError(directory_.backend() + " is missing, but " + directory_.path() +
                      " is of stream " + identity->stream.to_string() +
                      "; bring the file back, or remove the state directory to begin a new stream "
                      "(standbys of the old one must then be made anew)");
  }
  stream_ = StreamId::random();
  return {
      .stream = stream_, .position = {1, 0, 0}, .hashes = {}, .cursor = {}, .is_new_stream = true};
}

// False: stopped before the first scan was at its end.
bool Session::create_backend() {
  const auto learned = capture_->learn();
  if (!learned) return false;
  const auto& [position, cursor] = *learned;
  backend_ = open_sqlite_backend(directory_.backend(), stream_, position,
                                 {begin_first_epoch(options_.node, position.sum)});
  backend_->set_cursor(cursor.encode());
  claim_stream(directory_, stream_);
  capture_->save_learned();
  log::info("stream_created", "this database is a new stream",
            {{"stream", stream_.to_string()}, {"position", position.to_string()}});
  return true;
}

void Session::start_threads() {
  upkeep_ = std::make_unique<UpkeepThread>(*backend_);
  auto keeper = serves_ ? make_keeper() : nullptr;
  const auto floors = [this, kept = keeper.get()] {
    return RetentionFloors{kept == nullptr ? 0 : kept->keep_after(), options_.archive_floor()};
  };
  auto log = std::make_unique<LogWriter>(
      *backend_, queue_, options_.retention, floors, *options_.meters,
      [this](const LogBounds& bounds, std::span<const BatchView> batches) {
        on_durable(bounds, batches);
      });
  auto commits =
      std::make_unique<SyncCommits>(directory_.commit_page(), options_.sync,
                                    backend_->history().back().tenure, options_.sync_set);
  commits->on_durable(log->bounds().last);
  auto server = serves_ ? make_server(*log, *commits) : nullptr;
  {
    const std::lock_guard lock(mutex_);
    keeper_ = std::move(keeper);
    commits_ = std::move(commits);
    log_ = std::move(log);
    server_ = std::move(server);
  }
  log_thread_ = start_thread([this] { run_log(); });
}

std::shared_ptr<SnapshotKeeper> Session::make_keeper() {
  SnapshotKeeperOptions keeping{.folder = directory_.snapshots(),
                                .stream = stream_,
                                .open_log = [this] { return backend_->open_reader(); },
                                .retention = options_.retention,
                                .every_us = options_.snapshot_every_us};
  return std::make_shared<SnapshotKeeper>(*capture_, std::move(keeping));
}

std::shared_ptr<SnapshotKeeper> Session::snapshots() const {
  const std::lock_guard lock(mutex_);
  return keeper_;
}

std::unique_ptr<Server> Session::make_server(const LogWriter& log, SyncCommits& commits) {
  ServerOptions serving{
      .node = options_.node,
      .stream = stream_,
      .is_primary = true,
      .listen = options_.listen,
      .listener = options_.held ? options_.held->take() : nullptr,
      .security = options_.security,
      .failed = [this](std::exception_ptr failure) { fail(std::move(failure)); },
      .on_progress = [&commits](const Peers& peers,
                                std::int64_t now_us) { commits.on_progress(peers, now_us); },
      .cluster = options_.cluster};
  auto server =
      std::make_unique<Server>(std::move(serving), backend_->open_reader(), capture_.get());
  server->advance(log.bounds());
  return server;
}

void Session::run_log() {
  pthread_setname_np(pthread_self(), "log");
  try {
    log_->run();
  } catch (const std::exception&) {
    queue_.close();
    fail(std::current_exception());
  }
}

void Session::on_durable(const LogBounds& bounds, std::span<const BatchView> batches) {
  std::shared_ptr<Server> server;
  {
    const std::lock_guard lock(mutex_);
    server = server_;
  }
  if (server) server->advance(bounds, batches);
  if (!batches.empty()) commits_->on_durable(bounds.last);
}

void Session::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
  if (capture_) capture_->stop();
}

void Session::rethrow_failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

// Capture has ended; what it handed over is made durable, then everybody goes.
void Session::end_threads() {
  queue_.close();
  if (log_thread_.joinable()) log_thread_.join();
  stop_serving();
  if (const auto keeper = snapshots()) keeper->end();
  upkeep_.reset();
}

void Session::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (capture_) capture_->stop();
}

std::optional<Position> Session::drain(std::chrono::milliseconds patience) {
  Capture* capture = nullptr;
  LogWriter* log = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!log_) return std::nullopt;  // still starting
    capture = capture_.get();
    log = log_.get();
  }
  const auto seq = capture->drain(patience);
  if (!seq || !log->wait_durable(*seq, patience)) return std::nullopt;
  return log->bounds().last;
}

// Its thread may be asking for our status, so it is stopped outside the mutex; and whoever comes
// second waits until it has ended.
void Session::stop_serving() {
  const std::lock_guard one(serving_ends_);
  std::shared_ptr<Server> server;
  {
    const std::lock_guard lock(mutex_);
    server = std::move(server_);
  }
  if (server) server->stop();
}

void Session::add_to(Status& status) const {
  const std::lock_guard lock(mutex_);
  if (capture_) {
    const auto capture = capture_->status();
    status.wal = to_wal_status(capture.tail);
    status.wal->bytes = capture.wal_bytes;
    if (capture.is_scanning)
      status.state = log_ ? NodeState::repairing : NodeState::scanning;
    else if (log_)
      status.state = NodeState::publishing;
  }
  if (log_) {
    const auto bounds = log_->bounds();
    status.stream_id = stream_;
    status.position = bounds.last;
    status.backend =
        BackendStatus{bounds.first_seq(), bounds.last.seq, bounds.bytes, bounds.oldest_time_us};
    status.backend->limit_bytes = options_.retention.max_bytes;
    if (log_->is_disk_full()) {
      status.state = NodeState::stalled;
      status.warnings.push_back("the backend's disk is full; records wait");
    }
  }
  if (commits_) commits_->add_to(status);
  if (keeper_) add_snapshot(keeper_->report(), status);
  if (!server_) return;
  for (const auto& peer : server_->statuses()) status.standbys.push_back(to_standby_status(peer));
}

}  // namespace understudy
