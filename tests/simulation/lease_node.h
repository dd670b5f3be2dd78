// A node of a simulated cluster with a lease: the product's LeaseKeeper, SyncSet and decide_start()
// around a toy log, an application that writes whenever it can, and a clock of its own rate. What
// the Supervisor does between them is played in miniature.
#pragma once

#include "lease/lease_keeper.h"
#include "publisher/sync_set.h"
#include "takeover/start_role.h"
#include "tests/simulation/toy_lease_store.h"

#include <memory>

namespace understudy::sim {

// One record; `id` 0 opens its epoch.
struct LeaseEntry {
  Epoch epoch = 0;
  std::uint64_t id = 0;
  std::string node;  // whose epoch it is
  bool operator==(const LeaseEntry&) const = default;
};

struct LeaseCounts {
  std::uint64_t leads = 0, claims = 0, fences = 0, kept = 0, stood_down = 0, failed = 0,
                on_promises = 0, handed_over = 0, offers_taken = 0, crashes = 0,
                sidecars_killed = 0, sidecars_hung = 0, written_without = 0, commits = 0,
                acknowledged = 0, sets_changed = 0, open_at_fence = 0, late_fences = 0,
                disks_lost = 0, isolated = 0, races = 0, events = 0, watchdog_kills = 0,
                rewinds = 0, decided_by_hand = 0;
};

// Rules that a run may break on purpose, to see that it is noticed.
enum class LeaseSabotage {
  none,
  wild_clocks,         // breaks none: rates far from each other, and the margin that they ask for
  no_margin,           // the same clocks, without it
  half_margin,         // half of the product's own, with clocks as far apart as it allows
  counts_from_answer,  // the deadline counts from when the store or a peer answered
  no_fence,            // the node believes that the write lock was taken, and it was not
  slow_watchdog,       // a hung sidecar is killed after a third of the ttl
  fence_dies_first,    // a sidecar dies with its lock, its application some milliseconds later
  forget_promises,     // who promised to stay takes over all the same
  unsynced_take_over,  // who is not on record as synced counts, too
  unrecorded_set,      // a set counts before it is on record
};

// How quick all is in a run. What comes after the fence is due must fit into what the margin leaves
// when clocks differ by 5 %: ttl/1.05 − (ttl − margin)/0.95 = 551 ms for a ttl of 5 s. That is a
// tick (60 ms), the longest transaction, and the longest stop or, of a sidecar that is killed, its
// application's death (50 ms).
struct LeasePace {
  // Each node sees what changes in the store at once, and clocks are as wrong as they may be: what
  // is late is not made up for by luck.
  bool is_tight = false;
  std::int64_t promotion_us = 300'000;    // at most
  std::int64_t transaction_us = 350'000;  // that the application holds open
  std::int64_t stop_us = 130'000;         // of the machine or the sidecar; longer: it is killed
};

class LeaseNode {
 public:
  struct World {
    Events& events;
    Chance& chance;
    ToyLeaseStore& store;
    LeaseCounts& counts;
    const LeasePace& pace;
    std::vector<std::unique_ptr<LeaseNode>>& nodes;
    std::function<bool(std::size_t from, std::size_t to)> is_parted;
    std::function<void(const LeaseNode&)> on_writable;       // it was let write
    std::function<void(const LeaseEntry&)> on_acknowledged;  // COMMIT has returned
  };
  LeaseNode(World world, std::size_t index, std::size_t sync_count, LeaseSabotage sabotage);

  // --- the machine ---
  void start();
  void crash();  // the process, and the application with it
  void lose_disk();
  void pause(std::int64_t for_us);
  void keep_time(bool is_fast);  // from here on, as wrong as its clock may be
  // --- the process alone: its application goes on, and dies some milliseconds after it ---
  void crash_sidecar();
  void hang_sidecar(std::int64_t for_us);
  // --- the operator ---
  void switch_over_to(const LeaseNode& target);
  void take();
  void take_by_force();  // although it is not eligible; nobody writes

  [[nodiscard]] bool is_up() const { return is_up_; }
  // By its application; also while the process hangs, and for a moment after its death.
  [[nodiscard]] bool is_writable() const {
    return !hangs_ && (outlives_ || (is_up_ && leads_ && !is_fenced_));
  }
  [[nodiscard]] bool is_proved() const { return !is_copied_ && !log_.empty(); }
  [[nodiscard]] bool is_handing_over() const { return hands_over_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<LeaseEntry>& log() const { return log_; }
  [[nodiscard]] Epoch last_epoch() const { return log_.empty() ? 0 : log_.back().epoch; }
  [[nodiscard]] std::string describe() const;

 private:
  void later(std::int64_t delay_us, std::function<void()> f);  // in the process
  void in_application(std::int64_t delay_us, std::function<void()> f);
  [[nodiscard]] bool is_running() const;
  [[nodiscard]] bool was_stopped_lately() const;
  [[nodiscard]] std::int64_t local_now() const;
  void say(std::string text);

  void decide();
  void every_tick();
  void every_write();
  void every_follow();
  void drive();
  void tempt_the_fence();
  void look_closely();
  void end_process();
  void restart();
  void end_application();
  [[nodiscard]] LeaseFacts facts() const;
  void carry_out(const lease::Action& action);
  void ask_to_stay(const lease::AskToStay& ask);
  void lead(Epoch epoch, const std::string& reason);
  void begin_to_lead();
  void stand_down(const std::string& why);
  void try_fence();
  void open_transaction(std::int64_t length_us);
  void commit();
  void acknowledge();
  void follow(const LeaseNode& upstream);
  void finish_handing_over(std::int64_t until);

  World world_;
  const std::size_t index_;
  const std::size_t sync_count_;
  const LeaseSabotage sabotage_;
  const std::string name_;
  const LeaseRules rules_;
  const std::int64_t rates_differ_ppm_;
  double rate_ = 1.0;
  // Where its clock and the true time were when the rate changed last.
  std::int64_t local_base_us_;
  std::int64_t base_us_ = 0;

  // Durable.
  std::vector<LeaseEntry> log_;
  Epoch demoted_from_ = 0;
  bool is_copied_ = false;

  // Of the process.
  std::uint64_t run_ = 0;
  std::uint64_t process_ = 0;
  bool is_up_ = false;
  std::int64_t paused_until_ = 0;  // the machine
  std::int64_t hung_until_ = 0;    // the process alone
  bool hangs_ = false;             // the machine, until it is killed
  std::int64_t tempted_us_ = 0;    // the deadline at which it was
  std::optional<LeaseKeeper> keeper_;
  bool decided_ = false;
  bool leads_ = false;
  bool is_changing_ = false;
  bool is_standing_down_ = false;
  bool is_fenced_ = false;
  bool wants_fence_ = false;
  bool hands_over_ = false;
  bool is_streaming_ = false;
  std::unique_ptr<SyncSet> sync_;
  std::map<std::string, std::pair<Seq, std::int64_t>> heard_;
  Seq acknowledged_ = 0;

  // Of the application.
  std::uint64_t application_run_ = 0;
  bool outlives_ = false;        // the process, and writes
  std::int64_t open_until_ = 0;  // its transaction

  std::deque<std::string> story_;
};

}  // namespace understudy::sim
