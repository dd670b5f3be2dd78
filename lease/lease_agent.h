// LeaseAgent: a LeaseKeeper with a clock, a store and threads. Asks the store what the keeper wants
// to know, and has the node do what it decides.
//
// Invariants
//  - Nothing that the store makes one wait for delays the deadline: the store has a thread of its
//    own, and so has the keeper, which takes the fence. A log that blocks delays it no more: what
//    the keeper says is written by another thread.
//  - While the fence is wanted it is tried at each turn, held or not: what was held may have been
//    dropped by somebody who had asked may_write() before.
//  - Functions of LeaseOptions run on the lease thread, without a lock held, and must return soon.
//
// Threads: `lease` (the keeper's), `lease-store` (blocks in the store), `lease-log`. All methods
// from any thread.
#pragma once

#include "lease/lease_keeper.h"
#include "lease/lease_log.h"

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace understudy {

// What the node does for its lease.
class LeaseBearer {
 public:
  virtual ~LeaseBearer() = default;
  [[nodiscard]] virtual LeaseFacts lease_facts() = 0;
  // `answered` is called for each that answers, later, on any thread.
  virtual void ask_to_stay(const std::vector<std::string>& nodes, const lease::StayRequest& request,
                           std::function<void(const std::string& node, bool agrees)> answered) = 0;
  // Tries to keep the application from writing; true: it cannot. Called again until it is so.
  [[nodiscard]] virtual bool try_lease_fence() = 0;
  virtual void drop_lease_fence() = 0;
  // The application still writes, and should have been stopped by now.
  virtual void lease_alarm() = 0;
  virtual void lead_by_lease(const lease::Lead& lead) = 0;
  virtual void stand_down_by_lease(Epoch epoch, const std::string& why) = 0;
  virtual void lease_recorded(const LeaderRecord& record) = 0;
  virtual void lease_proved_copy() = 0;
};

// What is said of the lease to people.
struct LeaseStatus {
  bool holds = false;    // this node
  bool is_held = false;  // somebody does, as far as it knows
  // Nobody takes over. With a holder only once that has it on record: until then it fences.
  bool is_paused = false;
  bool is_pausing = false;  // asked for, and not on record yet
  bool is_on_promises = false;
  std::int64_t ttl_us = 0;
  std::optional<LeaderRecord> leader;
  std::int64_t leader_age_us = 0;
  // Of each member: what it last said, and how long ago that was seen.
  std::vector<std::pair<MemberRecord, std::int64_t>> members;
  std::string trouble;  // the store's, when it does not answer
  // What an operator should know; empty: all is well.
  std::vector<std::string> warnings;
};

class LeaseAgent {
 public:
  // `failed` is called with what ends a thread.
  LeaseAgent(LeaseRules rules, std::unique_ptr<LeaseStore> store, LeaseBearer& bearer,
             std::function<void(std::exception_ptr)> failed);
  ~LeaseAgent();  // end()
  LeaseAgent(const LeaseAgent&) = delete;
  LeaseAgent& operator=(const LeaseAgent&) = delete;

  void start();
  // Ends both threads; whoever waits is answered at once. Nothing is given back: a later run of
  // this node may go on with the lease.
  void end();

  // --- at a start (main thread) ---

  // The store's word, once it has given one; nullopt: not in time, or stopping.
  [[nodiscard]] std::optional<LeaseView> await_view(std::chrono::milliseconds patience);
  // True: this node holds the lease of that epoch, and may lead on.
  [[nodiscard]] bool claim(Epoch epoch, std::chrono::milliseconds patience);

  // --- commands ---

  [[nodiscard]] std::vector<LeaseKeeper::Objection> object_to_taking() const;
  // Takes the lease as soon as it is free; lead_by_lease() follows. False: not in time.
  [[nodiscard]] bool take(const std::string& reason, std::chrono::milliseconds patience);
  // To that run of that node, the application fenced and drained. False: this node holds it still,
  // or does not know: may_write() says.
  [[nodiscard]] bool hand_over(const std::string& node, std::uint64_t process, Seq position,
                               std::chrono::milliseconds patience);
  // False: the store did not do it.
  [[nodiscard]] bool set_paused(bool is_paused, std::chrono::milliseconds patience);
  // True: the holder, if there is one, has that on record. False: not in time.
  [[nodiscard]] bool await_pause(bool is_paused, std::chrono::milliseconds patience);
  void on_lead_failed(const std::string& why);
  // Look at the store at once.
  void look();

  [[nodiscard]] bool on_stay_request(const lease::StayRequest& request);

  // --- answers ---

  // The application may be let write, in this epoch.
  [[nodiscard]] bool may_write(Epoch epoch) const;
  [[nodiscard]] bool wants_fence() const;
  [[nodiscard]] LeaseStatus status() const;
  [[nodiscard]] const LeaseRules& rules() const { return rules_; }

 private:
  struct StoreTask {
    enum class Kind { observe, swap, publish, pause };
    Kind kind = Kind::observe;
    lease::Swap swap;
    MemberRecord member;
    bool is_paused = false;
  };

  void run();
  void run_store();
  void guard(const char* name, void (LeaseAgent::*body)());
  void perform(std::vector<lease::Action> actions);
  void perform(const lease::Action& action);
  void carry_out(StoreTask task);
  void add_task(StoreTask task);
  [[nodiscard]] std::optional<StoreTask> next_task();
  void try_fence();
  [[nodiscard]] bool is_pause_known() const;
  template <typename Done>
  bool await(std::chrono::milliseconds patience, Done done);  // holds the mutex for `done`

  const LeaseRules rules_;
  const std::unique_ptr<LeaseStore> store_;
  LeaseBearer& bearer_;
  const std::function<void(std::exception_ptr)> failed_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::condition_variable tasks_added_;
  LeaseKeeper keeper_;
  std::deque<StoreTask> tasks_;
  std::string trouble_;
  bool wants_fence_ = false;
  bool is_stopping_ = false;
  std::optional<bool> paused_;  // how the last set_paused() ended

  // Of the lease thread.
  bool is_fenced_ = false;

  LeaseLog log_;

  std::thread store_thread_;
  std::thread thread_;
};

}  // namespace understudy
