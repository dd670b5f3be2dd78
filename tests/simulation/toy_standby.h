// A model standby around the product's Follower: a log thread and an apply thread that take their
// time, crashes, damage; and serving further standbys out of its own log.
#pragma once

#include "tests/simulation/toy_publisher.h"
#include "tests/simulation/toy_replica.h"

namespace understudy::sim {

// Records that were taken out of a log and kept: those > after of the log that ended at `last`.
struct ToyOrphans {
  History history;
  Seq after = 0;
  Position last;
};

// What survives the process.
struct ToyDisk {
  std::optional<ToyLog> log;
  ToyReplica replica;
  std::vector<ToyOrphans> orphans;
};

class ToyStandby : public ClientPort, public PageSource {
 public:
  struct Place {
    std::size_t client = 0;              // in the network, as a standby
    std::size_t server = 0;              // in the network, as a server
    std::vector<std::size_t> upstreams;  // servers, in turn
    std::string name;
    bool prefer_primary = false;
  };
  // `truth`: what it is held against; null: its owner does that.
  ToyStandby(Events& events, Chance& chance, ToyNetwork& network, const Truth* truth, Place place,
             Sabotage sabotage, ToyDisk& disk);
  ~ToyStandby() override;

  void start();
  void crash();
  void lose_power();
  void damage();
  void scrub();  // finds damage that nothing has touched yet
  void trim(std::size_t batches);
  // The primary's history was taken back behind `seq`: what goes further is orphaned, and the
  // promises about it rest until this standby has been resynced.
  void on_history_lost(Seq seq, bool upstream_orphaned);
  std::function<bool()> upstream_is_orphaned = [] { return false; };
  [[nodiscard]] bool is_orphaned() const { return orphaned_; }
  void on_acknowledged(const message::Ack& ack);

  void check() const;  // throws Broken
  [[nodiscard]] bool is_up() const { return follower_ != nullptr; }
  [[nodiscard]] bool is_at(const Position& position) const;
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] const std::string& name() const { return place_.name; }
  [[nodiscard]] const Follower* follower() const { return follower_.get(); }
  void prefer(std::size_t endpoint);
  // All that was received is in the log and shown; false: it cannot be.
  [[nodiscard]] bool drain();
  // After each change of log or replica; throws what is broken.
  std::function<void()> on_change = [] {};
  ToyServer::Cluster cluster;  // of its server

  struct Counts {
    std::uint64_t resyncs = 0, orphanings = 0, tails_dropped = 0, appends = 0, failed_resyncs = 0,
                  rewinds = 0;
  };
  Counts counts;

  void on_answer(const Bytes& payload) override;
  void on_broadcast(const Bytes& payload) override;
  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override;
  [[nodiscard]] std::optional<StateOutline> outline() const override;

 private:
  // The log was rewound: the apply thread tells what is left.
  struct Rewound {
    Seq to = 0;
  };
  using LogWork =
      std::variant<follow::Append, follow::DropOpenTail, follow::RewindLog, follow::ResetLog>;
  using ApplyWork = std::variant<follow::BeginResync, follow::HashGroup, follow::StoreGroup,
                                 follow::FinishResync, Rewound>;

  void drive(const std::function<void(Follower&)>& event);
  void later(std::int64_t delay_us, std::function<void()> f);
  void take_actions();
  void schedule_tick();
  void perform(follow::Connect& connect);
  void perform(follow::Resubscribe&);
  void perform(follow::SendMessage& send);
  void perform(follow::Report& report);
  void perform(follow::Stop& stop);
  template <typename Work>
  void perform(Work& work);
  void log_step();
  void carry_out(follow::Append& append, std::vector<Bytes>& appended);
  void carry_out(follow::DropOpenTail& drop, std::vector<Bytes>& appended);
  void carry_out(follow::RewindLog& rewind, std::vector<Bytes>& appended);
  void carry_out(follow::ResetLog& reset, std::vector<Bytes>& appended);
  void keep_orphans(Seq after);
  void apply_step();
  void carry_out(follow::BeginResync& begin);
  void carry_out(follow::HashGroup& group);
  void carry_out(follow::StoreGroup& store);
  void carry_out(follow::FinishResync& finish);
  void carry_out(Rewound& rewound);
  void schedule_log();
  void schedule_apply();
  void serve();

  Events& events_;
  Chance& chance_;
  ToyNetwork& network_;
  const Truth* truth_;
  const Place place_;
  const Sabotage sabotage_;

  // Durable.
  ToyDisk& disk_;
  std::optional<ToyLog>& log_;
  ToyReplica& replica_;

  // Of the process.
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<ToyServer> server_;
  std::deque<LogWork> log_work_;
  std::deque<ApplyWork> apply_work_;
  std::uint64_t ticket_ = 0;
  bool log_scheduled_ = false;
  bool apply_scheduled_ = false;
  bool staging_ = false;
  bool driving_ = false;
  std::int64_t tick_at_ = 0;
  std::uint64_t run_ = 0;  // number of this process
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  // What is promised.
  Seq acknowledged_ = 0;
  Seq shown_before_ = 0;
  bool damaged_ = false;  // and not repaired yet
  bool orphaned_ = false;
  std::deque<std::string> reports_;
};

}  // namespace understudy::sim
