#include "extension/application.h"

#include "extension/interrupt_watch.h"

#include <sqlite3ext.h>

#include <cstring>
extern "C" {
SQLITE_EXTENSION_INIT3
}

namespace understudy::extension {

using namespace commit_page;

namespace {

constexpr std::uint64_t kFirstSlice_ns = 2'000'000;  // a wait that goes well ends before
constexpr std::uint64_t kSlice_ns = 20'000'000;
constexpr std::uint64_t kDefaultTimeout_ms = 10'000;  // while no node has said another one
constexpr std::intptr_t kMaxAutocheckpoint = 0x7fffffff;

// Sets the text of sqlite3_errmsg() for the COMMIT that fails now: the hook itself has no way to,
// but a statement that fails inside it has.
void set_message(sqlite3* db) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, "SELECT understudy_failure()", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
}

}  // namespace

Application::Application(sqlite3* db, char* page_path) : db_(db), page_path_(page_path) {
  read_boot_id(boot_);
}

Application::~Application() {
  sqlite3_free(page_path_);
}

// What sqlite3_wal_hook() returns is the argument of the former hook: for SQLite's own that is the
// number of frames, for none it is null.
bool Application::take_hook() {
  void* const former = sqlite3_wal_hook(db_, on_commit, this);
  if (has_hook_ && former == this) return true;
  has_hook_ = true;
  const auto frames = reinterpret_cast<std::intptr_t>(former);
  const bool is_count = frames >= 0 && frames <= kMaxAutocheckpoint;
  autocheckpoint_ = is_count ? static_cast<int>(frames) : 0;
  return is_count;
}

int Application::on_commit(void* self, sqlite3* db, const char* schema, int frames) {
  auto& application = *static_cast<Application*>(self);
  const bool is_main = application.has_node() && std::strcmp(schema, "main") == 0;
  if (is_main) application.note_commit(frames);
  const auto limit = application.autocheckpoint_;
  if (limit > 0 && frames >= limit) sqlite3_wal_checkpoint(db, schema);  // as SQLite's own hook
  return is_main ? application.wait_for_standbys() : SQLITE_OK;
}

// The write lock is free again, so others may have committed since, or even reset the WAL. `frames`
// is where our commit ended: exact in its own generation, and covered by any part of a later one.
void Application::note_commit(int frames) {
  has_committed_ = true;
  if (State state{}; read(state) && state.role == kPrimary) tenure_ = state.tenure;
  knows_target_ = read_wal_position(db_, target_);
  const auto frame = static_cast<std::uint64_t>(frames);
  if (knows_target_ && frame < target_.frame) target_.frame = frame;
  if (waits_) page_.wake_capture();
}

bool Application::read(State& state) {
  return page_.read(state);
}

bool Application::is_alive(const State& state) const {
  const bool same_boot = state.boot[0] == boot_[0] && state.boot[1] == boot_[1];
  return state.role != kNoRole && same_boot && now_ns() - state.heartbeat_ns < kAliveFor_ns;
}

// A generation that the node has not seen, or forgotten: when the WAL is in a later one by now,
// whatever covers where that stands covers our commit too.
bool Application::covers_last_commit(const Prefix& prefix, const State& state) {
  if (state.boot[0] != boot_[0] || state.boot[1] != boot_[1]) return false;
  if (state.tenure != tenure_) return false;
  auto generation = knows_target_ ? generation_of(state, target_.salts) : 0;
  if (generation == 0) {
    WalPosition now;
    if (!read_wal_position(db_, now) || (knows_target_ && now.salts == target_.salts)) return false;
    target_ = now;
    knows_target_ = true;
    generation = generation_of(state, target_.salts);
  }
  return covers(prefix, generation, target_.frame);
}

template <typename Reached>
Outcome Application::wait(Signal signal, std::uint64_t timeout_ms, State& state, Reached reached) {
  InterruptWatch interrupt(db_);
  const auto started = now_ns();
  for (auto slice = kFirstSlice_ns;; slice = kSlice_ns) {
    const auto seen = page_.signal(signal);
    const bool is_read = read(state);
    const auto outcome = is_read ? reached(state) : Outcome::timed_out;
    if (outcome != Outcome::timed_out) return outcome;
    const auto limit =
        timeout_ms == UINT64_MAX
            ? (is_read && state.role != kNoRole ? state.timeout_ms : kDefaultTimeout_ms)
            : timeout_ms;
    const auto waited = now_ns() - started;
    if (waited / 1'000'000 >= limit) return Outcome::timed_out;
    const auto left = limit * 1'000'000 - waited;
    page_.wait(signal, seen, left < slice ? left : slice);
    if (waited < kFirstSlice_ns) continue;
    if (interrupt.is_interrupted()) return Outcome::interrupted;
    if (!is_read || !is_alive(state)) (void)open_page();  // the state directory may be a new one
  }
}

int Application::wait_for_standbys() {
  if (!waits_) return SQLITE_OK;
  State state{};
  const auto outcome = wait(kReplicatedAdvanced, UINT64_MAX, state, [this](const State& now) {
    const bool alive = is_alive(now);
    if (now.role == kPrimary && now.count == 0) return Outcome::goes_on_alone;
    if (covers_last_commit(now.replicated, now)) return Outcome::reached;
    if (now.role == kStandby && alive) return Outcome::not_primary;
    const bool may_degrade = now.role == kPrimary && now.policy == kDegrade;
    return may_degrade && (now.is_degraded != 0 || !alive) ? Outcome::goes_on_alone
                                                           : Outcome::timed_out;
  });
  if (outcome == Outcome::reached) {
    went_on_alone_ = false;
    return SQLITE_OK;
  }
  if (outcome == Outcome::goes_on_alone && state.count == 0) return SQLITE_OK;  // none is asked for
  ++unreplicated_;
  const bool is_timeout_of_degraded = outcome == Outcome::timed_out && state.policy == kDegrade;
  if (outcome != Outcome::goes_on_alone && !is_timeout_of_degraded) return fail(outcome, state);
  if (!went_on_alone_) {
    sqlite3_log(SQLITE_WARNING, "understudy: commits go on without their standbys (degraded)");
  }
  went_on_alone_ = true;
  return SQLITE_OK;
}

int Application::fail(Outcome outcome, const State& state) {
  const char* why = "no node runs that could tell";
  if (outcome == Outcome::interrupted) {
    why = "interrupted";
  } else if (outcome == Outcome::not_primary) {
    why = "this node is no longer the primary";
  } else if (is_alive(state)) {
    why = "the standbys did not confirm it in time";
  }
  sqlite3_snprintf(
      sizeof last_error_, last_error_,
      "understudy: the transaction IS COMMITTED HERE, but it is not known to be on %llu "
      "standby(s): %s; do not repeat it",
      static_cast<unsigned long long>(state.count), why);
  sqlite3_log(kUnreplicated, "%s", last_error_);
  set_message(db_);
  return kUnreplicated;
}

Outcome Application::wait_replicated(std::uint64_t timeout_ms) {
  State state{};
  if (!has_committed_) return Outcome::reached;
  page_.wake_capture();
  return wait(kReplicatedAdvanced, timeout_ms, state, [this](const State& now) {
    return covers_last_commit(now.replicated, now) ? Outcome::reached : Outcome::timed_out;
  });
}

Outcome Application::wait_durable(std::uint64_t timeout_ms, State& state) {
  if (!has_committed_) {
    // What this connection sees may be other connections' commits.
    knows_target_ = read_wal_position(db_, target_);
    if (!knows_target_) return Outcome::never_ran;
    if (read(state)) tenure_ = state.tenure;
  }
  page_.wake_capture();
  return wait(kDurableAdvanced, timeout_ms, state, [this](const State& now) {
    if (now.role == kStandby) return Outcome::not_primary;
    return covers_last_commit(now.durable, now) ? Outcome::reached : Outcome::timed_out;
  });
}

Outcome Application::wait_applied(std::uint64_t timeout_ms, std::uint64_t epoch, std::uint64_t seq,
                                  State& state) {
  return wait(kAppliedAdvanced, timeout_ms, state, [&](const State& now) {
    const bool is_primary = now.role == kPrimary;
    const auto shown_epoch = is_primary ? now.epoch : now.applied_epoch;
    const auto shown_seq = is_primary ? now.durable.seq : now.applied_seq;
    return shown_epoch >= epoch && shown_seq >= seq ? Outcome::reached : Outcome::timed_out;
  });
}

bool Application::set_waits(bool waits) {
  const bool before = waits_;
  waits_ = waits;
  return before;
}

}  // namespace understudy::extension
