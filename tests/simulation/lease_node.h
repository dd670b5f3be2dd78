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
                on_promises = 0, handed_over = 0, offers_taken = 0, crashes = 0, commits = 0,
                acknowledged = 0, sets_changed = 0, late_fences = 0, disks_lost = 0, isolated = 0,
                events = 0, watchdog_kills = 0, rewinds = 0, decided_by_hand = 0;
};

// Rules that a run may break on purpose, to see that it is noticed. `wild_clocks` breaks none:
// rates far from each other, and the margin that they ask for. `no_margin` is the same without it.
enum class LeaseSabotage { none, wild_clocks, no_margin, unsynced_take_over, forget_promises };

class LeaseNode {
 public:
  struct World {
    Events& events;
    Chance& chance;
    ToyLeaseStore& store;
    LeaseCounts& counts;
    std::vector<std::unique_ptr<LeaseNode>>& nodes;
    std::function<bool(std::size_t from, std::size_t to)> is_parted;
    std::function<void(const LeaseNode&)> on_writable;       // it was let write
    std::function<void(const LeaseEntry&)> on_acknowledged;  // COMMIT has returned
  };
  LeaseNode(World world, std::size_t index, std::size_t sync_count, LeaseSabotage sabotage);

  // --- the process, and the application with it ---
  void start();
  void crash();
  void lose_disk();
  void pause(std::int64_t for_us);
  // --- the operator ---
  void switch_over_to(const LeaseNode& target);
  void take();
  void take_by_force();  // although it is not eligible; nobody writes

  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] bool is_writable() const { return is_up_ && leads_ && !is_fenced_ && !hangs_; }
  [[nodiscard]] bool is_proved() const { return !is_copied_ && !log_.empty(); }
  [[nodiscard]] bool is_handing_over() const { return hands_over_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<LeaseEntry>& log() const { return log_; }
  [[nodiscard]] Epoch last_epoch() const { return log_.empty() ? 0 : log_.back().epoch; }
  [[nodiscard]] std::string describe() const;

 private:
  void later(std::int64_t delay_us, std::function<void()> f);
  [[nodiscard]] std::int64_t local_now() const;
  void say(std::string text);

  void decide();
  void every_tick();
  void every_write();
  void every_follow();
  void drive();
  [[nodiscard]] LeaseFacts facts() const;
  void carry_out(const lease::Action& action);
  void ask_to_stay(const lease::AskToStay& ask);
  void lead(Epoch epoch, const std::string& reason);
  void begin_to_lead();
  void stand_down(const std::string& why);
  void try_fence();
  void commit();
  void acknowledge();
  void follow(const LeaseNode& upstream);
  void finish_handing_over(std::int64_t until);

  World world_;
  const std::size_t index_;
  const std::size_t sync_count_;
  const LeaseSabotage sabotage_;
  const std::string name_;
  const double rate_;
  const std::int64_t offset_us_;

  // Durable.
  std::vector<LeaseEntry> log_;
  Epoch demoted_from_ = 0;
  bool is_copied_ = false;

  // Of the process.
  std::uint64_t run_ = 0;
  std::uint64_t process_ = 0;
  bool is_up_ = false;
  std::int64_t paused_until_ = 0;
  bool hangs_ = false;  // until it is killed
  std::optional<LeaseKeeper> keeper_;
  bool decided_ = false;
  bool leads_ = false;
  bool is_changing_ = false;
  bool is_standing_down_ = false;
  bool is_fenced_ = false;
  bool wants_fence_ = false;
  bool hands_over_ = false;
  bool is_streaming_ = false;
  std::int64_t open_until_ = 0;  // of the application's transaction
  std::unique_ptr<SyncSet> sync_;
  std::map<std::string, std::pair<Seq, std::int64_t>> heard_;
  Seq acknowledged_ = 0;
  std::deque<std::string> story_;
};

}  // namespace understudy::sim
