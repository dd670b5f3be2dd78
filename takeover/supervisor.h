// Supervisor: a node's life. Runs one role after another in one process, and drives the changes:
// promotion, switchover, standing down, coming back (docs/decisions/0011-takeover.md).
//
// Invariants
//  - A role change is the end of one role and the start of the next: every state in between is one
//    that a start finds and finishes.
//  - The write lock on the database is held from the end of a standby until its epoch is on disk
//    and whoever may have to fence it again finds it (lead()), and from before a primary stands
//    down until the next standby has it.
//  - With a lease it is let go of by drop_fence() alone, which asks the lease with fence_mutex_
//    held. Locks are taken in this order: fence_mutex_, then what the lease has.
//  - What the lease thread calls here waits for no disk, and writes no log.
//  - Who stands down puts that on record first, and all that its application committed into the log
//    before anything of it is rewound.
//
// Threads: run() on the main thread, which runs the roles; `takeover` (the Conductor) does what
// takes time and changes roles; commands come on the threads of the control socket, reports of
// other nodes on the serve and peers threads.
#pragma once

#include "common/api/api.h"
#include "common/archive/archive_keeper.h"
#include "common/cluster/peer_links.h"
#include "common/node/node.h"
#include "common/serving/cluster_handler.h"
#include "common/serving/listener.h"
#include "common/wal/write_fence.h"
#include "lease/lease_agent.h"
#include "publisher/publisher.h"
#include "publisher/sync_set.h"
#include "subscriber/subscriber.h"
#include "takeover/conductor.h"
#include "takeover/promotion.h"
#include "takeover/start_role.h"
#include "takeover/supervisor_options.h"
#include "takeover/switchover.h"

#include <atomic>

namespace understudy {

class Supervisor final : public CommandHandler,
                         public ClusterHandler,
                         public NodeView,
                         private LeaseBearer {
 public:
  // Takes the node's lock, and its ports. Throws ConfigError, IoError, TransportError.
  explicit Supervisor(SupervisorOptions options);
  ~Supervisor() override;

  void run();   // until stop(); throws what makes the node unable to go on
  void stop();  // any thread

  // The list of peers, and what was denied by it. Any thread.
  [[nodiscard]] const Security& security() const { return *security_; }
  // … is read again, and so is the certificate of --http. Any thread.
  void reload_keys();

  // It has found its role, and what belongs to that holds: a primary follows its application, a
  // standby has the write lock on its database. False while it starts, and between two roles. Any
  // thread.
  [[nodiscard]] bool is_up() const;
  // Under a lease, it let its application write: once it ends, nobody fences that. Any thread.
  [[nodiscard]] bool has_let_write() const { return has_let_write_; }

  // --- commands (control threads) ---
  CommandResult promote(bool force, bool dry_run) override;
  CommandResult switchover(const std::string& to, bool dry_run) override;
  CommandResult fence() override;
  CommandResult unfence() override;
  CommandResult snapshot(const std::string& output) override;
  CommandResult pause(bool is_paused) override;
  CommandResult reinit(const std::string& node) override;

  // --- what is seen of it (any thread) ---
  [[nodiscard]] Status status() const override;
  [[nodiscard]] ClusterStatus cluster() const override;
  [[nodiscard]] const Meters& meters() const override { return *meters_; }
  [[nodiscard]] Denials::Counts denials() const override { return security_->denials().counts(); }

  // --- other nodes (serve thread) ---
  PeerReport report() override;
  void on_report(const PeerReport& report) override;
  void on_command(const message::Command& command, Reply reply) override;

 private:
  // While a command waits for its end, so often it looks whether the node is stopping.
  static constexpr std::chrono::milliseconds kLook{20};

  enum class Step { lead, follow, drain, begin_anew, end };
  // What the running role ends for.
  struct Plan {
    enum class Kind { none, promote, reopen, stand_down, drained, begin_anew };
    Kind kind = Kind::none;
    std::string reason;
    Epoch at_least = 0;  // of the epoch to be opened
  };
  // An epoch of this node that it does not lead yet.
  struct Opened {
    CommandResult result;
    std::string reason;
  };

  // supervisor.cpp: one role after another (main thread)
  [[nodiscard]] Step first_step();
  [[nodiscard]] Step take(Step step);
  [[nodiscard]] Step lead();
  [[nodiscard]] Step follow();
  [[nodiscard]] Step drain();
  [[nodiscard]] Step after_leading(const Plan& plan);
  [[nodiscard]] StartFacts gather_start_facts();
  void keep_operators_fence();
  void say_started() const;
  [[nodiscard]] PeerReport describe_self(const Status& status) const;  // this node
  void end_helpers();
  void keep_archive();
  void set_role(PeerRole role, std::shared_ptr<Publisher> publisher, Subscriber* subscriber);
  [[nodiscard]] Plan run_role(Role& role);
  [[nodiscard]] Plan end_role();
  void learn_history();
  [[nodiscard]] bool is_history_stale(const Status& status) const;
  void run_hook_beside(const std::string& command, std::string_view name, NodeRole role);
  [[nodiscard]] Environment hook_environment(NodeRole role, Epoch epoch, std::string_view reason);

  // supervisor_epoch.cpp (main thread)
  [[nodiscard]] Step after_following(Subscriber& subscriber, const Plan& plan);
  [[nodiscard]] Step open_own_epoch(ReplicaHandover handover, const Plan& plan);
  void open_fence_ahead();
  void let_application_write();
  [[nodiscard]] bool has_lost_lease() const;

  // supervisor_view.cpp
  void add_peers(ClusterStatus& cluster) const;
  [[nodiscard]] bool is_waited_for(const Status& status) const;
  void add_lease(ClusterStatus& cluster) const;

  // supervisor_promote.cpp
  [[nodiscard]] PromotionFacts gather_facts(bool is_switchover);
  [[nodiscard]] std::string leads_by_lease() const;
  [[nodiscard]] std::string last_primary() const;
  // `epoch`: the one to open; 0: the next one.
  [[nodiscard]] CommandResult carry_out_promotion(const std::string& reason, Seq at_least,
                                                  Epoch epoch = 0);
  [[nodiscard]] bool await_drained(Seq at_least);
  [[nodiscard]] CommandResult reopen();
  void take_over(const message::Command& command, const Reply& reply);
  void finish_promotion(CommandResult result);
  [[nodiscard]] CommandResult await_promotion();

  // supervisor_demote.cpp (conductor)
  void on_peer_event(const PeerEvent& event);
  static void say_trouble(const LinkTrouble& trouble);  // peers thread
  void heed_higher_epoch();
  void stand_down(Epoch epoch, const std::string& why);
  // False: the node is stopping.
  [[nodiscard]] bool fence_and_drain(Publisher& running);
  [[nodiscard]] bool take_fence(std::chrono::milliseconds patience);
  // False: the lease does not allow it now.
  bool drop_fence();
  // Nobody wants it any more: not the operator, no change of roles, not the lease.
  void drop_unwanted_fence();
  void say_weakened();

  // supervisor_switchover.cpp (conductor)
  [[nodiscard]] CommandResult begin_switchover(const std::string& to, bool dry_run,
                                               std::function<void(CommandResult)> ended);
  [[nodiscard]] CommandResult forward(const Endpoint& primary, message::Command command);
  void drive_switchover();
  void carry_out(const switchover::Action& action);
  void end_switchover(CommandResult result);

  // supervisor_reinit.cpp
  [[nodiscard]] CommandResult begin_anew();
  [[nodiscard]] Step put_log_aside();

  // supervisor_lease.cpp
  void begin_lease(std::function<void(std::exception_ptr)> failed);
  [[nodiscard]] std::optional<StartFacts::Lease> ask_lease_store(const StartFacts& facts);
  [[nodiscard]] bool claim_lease(const StartFacts& facts);
  [[nodiscard]] StartDecision decide_first_role();
  void begin_sync_set();
  [[nodiscard]] LeaseFacts lease_facts() override;
  void ask_to_stay(const std::vector<std::string>& nodes, const lease::StayRequest& request,
                   std::function<void(const std::string&, bool)> answered) override;
  void promise_to_stay(const message::Command& command, const Reply& reply);
  [[nodiscard]] bool try_lease_fence() override;
  void drop_lease_fence() override;
  void lease_alarm() override;
  void lead_by_lease(const lease::Lead& lead) override;
  void stand_down_by_lease(Epoch epoch, const std::string& why) override;
  void lease_recorded(const LeaderRecord& record) override;
  void lease_proved_copy() override;
  [[nodiscard]] CommandResult promote_by_lease(const std::string& reason);
  void add_lease_objections(std::vector<CommandObjection>& objections) const;
  [[nodiscard]] bool hand_over_lease(const switchover::Demand& demand);
  // The application may be let write in that epoch, as far as the lease says.
  [[nodiscard]] bool lease_allows(Epoch epoch) const { return !lease_ || lease_->may_write(epoch); }

  // The end of a command, with where the node stands.
  [[nodiscard]] CommandResult done(std::string text) const;
  [[nodiscard]] CommandResult refused(std::string text) const;  // nothing was changed
  [[nodiscard]] CommandResult failed(std::string text) const;   // it was begun
  [[nodiscard]] CommandResult stopping() const { return failed("the node is stopping"); }

  // The endpoint of the primary of the highest epoch, when one is known.
  [[nodiscard]] std::optional<Endpoint> primary_endpoint() const;
  // The one that runs; null: none. It may outlive its run in the hands of the caller.
  [[nodiscard]] std::shared_ptr<Publisher> publisher();
  [[nodiscard]] Epoch own_epoch() const;  // the last one of the log; 0: none
  [[nodiscard]] Position position() const;

  SupervisorOptions options_;
  const std::shared_ptr<Security> security_;
  Node node_;
  const std::shared_ptr<Meters> meters_ = std::make_shared<Meters>();
  const std::uint64_t process_;  // random, of this run

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  PeerRole role_ = PeerRole::none;
  std::shared_ptr<Publisher> publisher_;  // while it runs
  Subscriber* subscriber_ = nullptr;      // while it runs
  Plan plan_;
  History history_;  // of the log, as last read
  bool is_promoting_ = false;
  std::optional<CommandResult> promoted_;  // how the promotion under way ended
  std::uint64_t takeover_id_ = 0;
  std::uint64_t declined_takeover_id_ = 0;
  std::optional<Epoch> superseded_by_;        // it is standing down
  std::string stuck_;                         // the switchover waits for a silent target
  std::optional<CommandResult> lead_result_;  // how the last promotion by lease ended
  std::shared_ptr<SyncSet> sync_set_;         // of this tenure; null: commits do not wait

  std::mutex fence_mutex_;  // guards fence_
  // Stays open without its lock while this node leads: were an application's connection the last
  // one to close, SQLite would delete the WAL before the publisher has seen it; and to take it is
  // then a matter of shared memory, not of a disk.
  std::optional<wal::WriteFence> fence_;
  std::atomic<bool> has_let_write_{false};
  std::atomic<bool> is_fenced_{false};  // fence_ holds its lock; without waiting for who takes it

  // Of the conductor.
  std::optional<Switchover> switchover_;
  std::optional<Endpoint> target_;
  bool is_handed_over_ = false;  // the lease, to the target
  std::function<void(CommandResult)> switchover_ended_;

  std::optional<Opened> opened_;            // main thread; nobody was told yet
  std::vector<std::thread> hooks_;          // main thread
  std::unique_ptr<ArchiveKeeper> archive_;  // null: none; lives through all roles

  std::atomic<bool> is_learning_{false};  // learn_history() is asked of the conductor
  std::atomic<bool> is_proving_{false};   // lease_proved_copy(), likewise
  std::atomic<int> copies_{0};            // so often its log was lost, or put aside
  int copies_seen_ = 0;                   // lease thread; as the lease's facts were gathered
  std::vector<std::thread> alarms_;       // lease thread

  std::unique_ptr<LeaseAgent> lease_;     // null: no lease
  std::unique_ptr<PeerLinks> links_;      // null: no peers
  std::unique_ptr<Conductor> conductor_;  // it uses all of the above
  std::unique_ptr<Api> api_;              // last: so does it
};

}  // namespace understudy
