#include "publisher/publisher.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/log.h"

#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace understudy {
namespace {

constexpr std::chrono::seconds kRetryAfter{1};

// What passes: the session ends, lets go of the application's WAL, and another one repairs.
bool may_heal(const std::exception& error) {
  if (dynamic_cast<const LogStalled*>(&error) != nullptr) return true;
  if (dynamic_cast<const TailLost*>(&error) != nullptr) return true;
  if (const auto* io = dynamic_cast<const IoError*>(&error)) return io->is_disk_full();
  const auto* sqlite = dynamic_cast<const SqliteError*>(&error);
  return sqlite != nullptr && (sqlite->is_disk_full() || sqlite->is_busy());
}

// A database that has been published is refused now: it is being replaced or restored, say.
bool is_refusal(const std::exception& error) {
  return dynamic_cast<const ConfigError*>(&error) != nullptr;
}

}  // namespace

Publisher::Publisher(PublisherOptions options, const StateDirectory& directory)
    : options_(std::move(options)),
      directory_(directory),
      progress_(make_progress()),
      serves_(options_.serve) {}

Publisher::~Publisher() = default;

// For this thread and those that it makes from here on, once: a node that leads again does not
// stand back twice. A limit that forbids it is no reason not to publish. Where commits wait for us
// there is nobody to stand back for.
void Publisher::stand_back() const {
  static const int begun_with = getpriority(PRIO_PROCESS, 0);  // of the calling thread
  const int wanted = begun_with + options_.niceness;
  if (options_.sync.count > 0 || getpriority(PRIO_PROCESS, 0) >= wanted) return;
  if (setpriority(PRIO_PROCESS, 0, wanted) == 0) return;
  log::warning("nice_refused", std::strerror(errno), {{"nice", options_.niceness}});
}

void Publisher::run() {
  stand_back();
  while (run_session()) wait_before_retry();
}

// True: the session ended by something that may heal, so try again.
bool Publisher::run_session() {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    session = session_ = std::make_shared<Session>(options_, directory_, serves_, *progress_);
  }
  std::string trouble;
  try {
    session->run();
  } catch (const std::exception& error) {
    if (!may_heal(error) && !(was_interrupted_ && is_refusal(error))) throw;
    was_interrupted_ = true;
    trouble = error.what();
    if (const auto times = trouble_.came(trouble, monotonic_time_us())) {
      log::error("publishing_interrupted", trouble, {{"times", *times}});
    }
  }
  progress_->end();
  const std::lock_guard lock(mutex_);
  session_.reset();
  last_error_ = trouble;
  return !stopping_;
}

void Publisher::wait_before_retry() {
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, kRetryAfter, [this] { return stopping_; });
}

void Publisher::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (session_) session_->stop();
  stopped_.notify_all();
}

std::optional<Position> Publisher::drain(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kPause{5};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::shared_ptr<Session> session;
    {
      const std::lock_guard lock(mutex_);
      session = session_;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    // None now: it is starting, or waits for its disk. Asked again, for another one may begin.
    const auto position = session ? session->drain(left) : std::nullopt;
    if (position) return position;
    std::this_thread::sleep_for(kPause);
  }
}

void Publisher::stop_serving() {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    serves_ = false;
    session = session_;
  }
  if (session) session->stop_serving();
}

std::shared_ptr<SnapshotKeeper> Publisher::snapshots() const {
  const std::lock_guard lock(mutex_);
  return session_ ? session_->snapshots() : nullptr;
}

Status Publisher::status() const {
  Status status;
  status.role = NodeRole::primary;
  status.listen = options_.listen.to_string();
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    session = session_;
    status.last_error = last_error_;
  }
  status.state = status.last_error.empty() ? NodeState::starting : NodeState::stalled;
  if (session) session->add_to(status);
  return status;
}

}  // namespace understudy
