#include "publisher/capture.h"

#include "common/core/clock.h"
#include "common/core/heartbeat.h"
#include "common/logging/log.h"
#include "common/logging/progress.h"
#include "common/record/page_hash.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>

namespace understudy {
namespace {

constexpr std::chrono::microseconds kPollEvery{200};
constexpr std::chrono::microseconds kPollLightEvery{50};  // few frames at a time: lag counts
constexpr std::chrono::milliseconds kIdlePollEvery{10};   // an explicit checkpoint may wait for us
constexpr std::chrono::milliseconds kRestPollEvery{250};  // none can: a write wakes us
constexpr std::int64_t kIdleAfter_us = 30'000;
constexpr std::int64_t kStatusEvery_us = 50'000;
constexpr std::int64_t kCheckBacklogEvery_us = 10'000'000;
constexpr std::int64_t kCheckFileEvery_us = 1'000'000;
constexpr std::size_t kAnswerLimit =
    2 * 1024 * 1024;  // bytes of pages; a message has at most 4 MiB
constexpr std::size_t kMaxQuestions = 64;
constexpr std::chrono::milliseconds kDurablePatience{1000};

}  // namespace

FileIdentity FileIdentity::of(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

Capture::Capture(wal::RawDatabase& database, PartQueue& queue, CaptureStart start,
                 TailOptions options, std::string hashes_path, Progress& progress)
    : database_(database),
      stream_(start.stream),
      hashes_path_(std::move(hashes_path)),
      progress_(progress),
      encoder_(database, queue, start.stream, start.position, std::move(start.hashes)),
      tail_(database, options),
      wal_hard_limit_bytes_(options.wal_hard_limit_bytes),
      watch_(database.path() + "-wal"),
      file_(FileIdentity::of(database.path())) {
  const bool connects = tail_.attach(start.cursor);
  const bool knows_pages = encoder_.hashes().sum() == start.position.sum &&
                           encoder_.hashes().page_size() == database.page_size();
  if (!knows_pages) encoder_.hashes() = PageHashes(database.page_size());
  if (start.is_new_stream) {
    encoder_.set_mode(Encoder::Mode::learning);
  } else if (!connects || !knows_pages) {
    log::warning("gap", "the WAL does not connect to the last record; comparing all pages");
    encoder_.set_mode(Encoder::Mode::repair);
  } else {
    log::info("tail_continued", "the WAL connects to the last record");
    return;
  }
  scan_.emplace(database_, encoder_);
  progress_.begin(start.is_new_stream ? "scan" : "repair scan",
                  std::uint64_t{tail_.page_count()} * database_.page_size(), ProgressUnit::bytes);
}

Capture::~Capture() {
  for (auto& question : questions_) question.done(std::nullopt);
}

void Capture::stop() {
  stopping_ = true;
  drained_.notify_all();
  watch_.wake();
}

std::optional<std::pair<Position, wal::Cursor>> Capture::learn() {
  const heartbeat::Loop loop("capture");
  while (scan_ && !stopping_) {
    heartbeat::turn();
    now_us_ = monotonic_time_us();
    (void)poll_once();
    if (tail_.reads_are_exact()) {
      step_scan();
    } else {
      WalWatch::nap(kPollEvery);
    }
    publish_status();
    check_file_if_due();
  }
  if (scan_) return std::nullopt;
  return std::pair{encoder_.position(), tail_.cursor()};
}

void Capture::save_learned() {
  encoder_.hashes().save(hashes_path_, stream_, encoder_.position().seq);
}

// However run() ends, the application is free of us at once, whatever the other threads wait for.
class Capture::LetGo {
 public:
  explicit LetGo(WalTail& tail) : tail_(tail) {}
  ~LetGo() { tail_.detach(); }
  LetGo(const LetGo&) = delete;
  LetGo& operator=(const LetGo&) = delete;

 private:
  WalTail& tail_;
};

void Capture::run(const LogWriter& log, SyncCommits& commits) {
  const LetGo let_go(tail_);
  const heartbeat::Loop loop("capture");
  prctl(PR_SET_TIMERSLACK, 1);  // naps of 200 µs, not 250
  now_us_ = last_progress_us_ = last_save_us_ = monotonic_time_us();
  saved_seq_ = 0;
  publish_status();
  while (!stopping_) {
    heartbeat::turn();
    const auto before = tail_.cursor();
    const auto drains_wanted = drains_wanted_.load();
    const auto result = poll_once();
    const bool moved = tail_.cursor() != before;
    if (result == TailResult::urgent && !moved) {
      note_drained(drains_wanted);
      std::this_thread::yield();  // spins until the WINDOW closes, but for nobody's loss
      continue;
    }
    now_us_ = monotonic_time_us();
    note_commits(commits);
    encoder_.flush();
    note_drained(drains_wanted);
    if (tail_.reads_are_exact()) do_between_commits(log);
    if (moved || scan_ || now_us_ - last_status_us_ >= kStatusEvery_us) publish_status();
    check_file_if_due();
    check_backlog_if_due();
    const bool same_generation = before.salts == tail_.cursor().salts;
    wait(result, tail_.cursor().frame - (same_generation ? before.frame : 0), commits);
  }
  tail_.detach();
  finish(log);
}

TailResult Capture::poll_once() {
  const auto result = tail_.poll(encoder_);
  if (result == TailResult::lost) {
    throw TailLost(std::string("the WAL cannot be followed on: ") + tail_.status().lost_because);
  }
  return result;
}

void Capture::do_between_commits(const LogWriter& log) {
  if (scan_) step_scan();
  answer_questions();
  save_hashes_if_due(log);
}

std::optional<Seq> Capture::drain(std::chrono::milliseconds patience) {
  const auto ticket = ++drains_wanted_;
  watch_.wake();
  std::unique_lock lock(mutex_);
  const bool done =
      drained_.wait_for(lock, patience, [&] { return drains_done_ >= ticket || stopping_; });
  return done && drains_done_ >= ticket ? std::optional(drained_seq_) : std::nullopt;
}

// `wanted` was read before the poll that found nothing left.
void Capture::note_drained(std::uint64_t wanted) {
  if (wanted == drains_done_ || !tail_.copied_all() || scan_ || encoder_.has_open_record()) return;
  const std::lock_guard lock(mutex_);
  drains_done_ = wanted;
  drained_seq_ = encoder_.position().seq;
  drained_.notify_all();
}

void Capture::step_scan() {
  const bool done = scan_->step(tail_);
  progress_.advance(std::uint64_t{scan_->next_page() - 1} * database_.page_size());
  if (!done) return;
  scan_.reset();
  encoder_.finish_scan(tail_.page_count(), tail_.cursor());
  encoder_.flush();
  progress_.end();
  log::info("scan_finished", "all pages are compared");
}

// Before the records leave, so that no acknowledgement comes first. What a repair covers is known
// only at its end.
void Capture::note_commits(SyncCommits& commits) {
  if (scan_ || encoder_.has_open_record() || noted_ == tail_.cursor()) return;
  noted_ = tail_.cursor();
  commits.note(encoder_.position().seq, *noted_);
}

void Capture::wait(TailResult result, wal::FrameNo frames, SyncCommits& commits) {
  constexpr wal::FrameNo kBacklog = 512;  // so many in one poll: more is surely waiting
  if (scan_ || result == TailResult::urgent || frames >= kBacklog) return;
  if (frames > 0 || result == TailResult::progressed) {
    last_progress_us_ = now_us_;
    watch_.leave_idle();
  }
  if (has_questions_ && tail_.reads_are_exact()) return;
  if (now_us_ - last_progress_us_ < kIdleAfter_us) {
    constexpr wal::FrameNo kFew = 16;
    commits.wait_for_commit(frames <= kFew ? kPollLightEvery : kPollEvery);
  } else if (watch_.wait_idle(tail_.at_rest() ? kRestPollEvery : kIdlePollEvery)) {
    // What is written becomes a commit a moment later, and that makes no event.
    last_progress_us_ = monotonic_time_us();
  }
}

// A save names a seq from which the log can roll the table forward, so all of it must be durable.
void Capture::save_hashes_if_due(const LogWriter& log) {
  if (scan_ || encoder_.has_open_record() || now_us_ - last_save_us_ < save_interval_us_) return;
  last_save_us_ = now_us_;
  const auto seq = encoder_.position().seq;
  if (seq == saved_seq_ || !log.wait_durable(seq, std::chrono::milliseconds(20))) return;
  encoder_.hashes().save(hashes_path_, stream_, seq);
  saved_seq_ = seq;
  // Locks are held meanwhile: on a slow disk it happens so seldom that nobody notices.
  const auto took_us = monotonic_time_us() - now_us_;
  save_interval_us_ = std::max(kSaveHashesEvery_us, 500 * took_us);
}

// A backup that is moved into place makes another file; the one that we hold is nobody's then.
void Capture::check_file_if_due() {
  if (now_us_ - last_file_check_us_ < kCheckFileEvery_us) return;
  last_file_check_us_ = now_us_;
  if (FileIdentity::of(database_.path()) != file_) {
    throw TailLost("the database file was replaced by another one");
  }
}

// A writer that is steadily faster than the backend would make the WAL grow for ever. One large
// transaction does not count: what is left of it shrinks.
void Capture::check_backlog_if_due() {
  if (now_us_ - last_backlog_check_us_ < kCheckBacklogEvery_us) return;
  last_backlog_check_us_ = now_us_;
  const auto frames = tail_.status().wal_frames;
  const auto backlog = frames - std::min<std::uint64_t>(frames, tail_.cursor().frame);
  const bool grows = backlog > last_backlog_;
  last_backlog_ = backlog;
  if (grows && backlog * database_.page_size() > wal_hard_limit_bytes_) {
    throw TailLost("the application writes faster than the backend's disk takes it");
  }
}

void Capture::finish(const LogWriter& log) {
  const auto seq = encoder_.position().seq;
  if (scan_ || encoder_.has_open_record() || !log.wait_durable(seq, kDurablePatience)) return;
  encoder_.hashes().save(hashes_path_, stream_, seq);
}

void Capture::ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) {
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    accepted = outline_.has_value() && questions_.size() < kMaxQuestions;
    if (accepted) questions_.push_back({std::move(request), done});
  }
  if (!accepted) {
    done(std::nullopt);
    return;
  }
  has_questions_ = true;
  watch_.wake();
}

std::optional<StateOutline> Capture::outline() const {
  const std::lock_guard lock(mutex_);
  return outline_;
}

// One question a turn: commits never wait for more than one group of pages.
void Capture::answer_questions() {
  if (scan_ || encoder_.has_open_record() || !has_questions_) return;
  std::optional<Question> question;
  {
    const std::lock_guard lock(mutex_);
    if (!questions_.empty()) {
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    has_questions_ = !questions_.empty();
  }
  if (question) question->done(answer(question->request));
}

PageAnswer Capture::answer(const PageRequest& request) {
  PageAnswer answer;
  answer.as_of = encoder_.position();
  answer.page_size = database_.page_size();
  answer.page_count = tail_.page_count();
  answer.first = std::max<PageNo>(1, request.first);
  answer.count = std::min<PageNo>(request.count, kAnswerLimit / answer.page_size);
  const auto end = std::min<std::uint64_t>(std::uint64_t{answer.first} + answer.count,
                                           std::uint64_t{answer.page_count} + 1);
  answer.contents.reserve((end - std::min<std::uint64_t>(answer.first, end)) * answer.page_size);
  for (std::uint64_t page = answer.first; page < end; ++page) {
    const auto index = page - answer.first;
    const auto known = index < request.known.size() ? request.known[index] : 0;
    append_if_different(static_cast<PageNo>(page), known, answer);
  }
  return answer;
}

void Capture::append_if_different(PageNo page, PageHash known, PageAnswer& answer) {
  const auto hash = encoder_.hashes().get(page);
  if (page == lock_byte_page(answer.page_size) || (known != 0 && known == hash)) return;
  answer.pages.push_back(page);
  const auto offset = answer.contents.size();
  answer.contents.resize(offset + answer.page_size);
  const auto content = std::span(answer.contents).subspan(offset);
  database_.read_page(page, tail_.cursor().frame, content);
  if (hash_page(page, content) != hash) {
    throw TailLost("page " + std::to_string(page) + " is not what its hash on record says");
  }
}

void Capture::publish_status() {
  const bool is_whole = !scan_ && !encoder_.has_open_record();
  const std::lock_guard lock(mutex_);
  if (is_whole) {
    outline_ = {encoder_.position(), database_.page_size(), tail_.page_count()};
  } else {
    outline_.reset();
  }
  if (now_us_ - last_status_us_ < kStatusEvery_us) return;
  last_status_us_ = now_us_;
  status_.is_scanning = scan_.has_value();
  status_.scanned = scan_ ? scan_->next_page() - 1 : tail_.page_count();
  status_.page_count = tail_.page_count();
  status_.tail = tail_.status();
  status_.wal_bytes = database_.wal_bytes();
}

CaptureStatus Capture::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace understudy
