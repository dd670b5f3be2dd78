// A node of a simulated cluster: one process that runs role after role, around the product's own
// machines (Follower, PeerSession, PeerView, Switchover, and the judgements of takeover/). What the
// Supervisor does between them is played here in miniature.
#pragma once

#include "common/cluster/peer_view.h"
#include "takeover/switchover.h"
#include "tests/simulation/toy_primary.h"

#include <set>

namespace understudy::sim {

struct TakeoverCounts {
  std::uint64_t promotions = 0, forced = 0, refused = 0, undrained = 0, demotions = 0,
                switchovers = 0, switched = 0, given_up = 0, stuck = 0, declined = 0,
                deaths_at_steps = 0, crashes = 0, forks = 0, rewinds = 0, orphan_files = 0,
                resyncs = 0, commits = 0, drains = 0, events = 0, epochs = 0;
};

class ToyNode {
 public:
  using World = ToyPrimary::World;
  ToyNode(World world, std::size_t index, std::size_t count, NodeRole asked, Sabotage sabotage,
          TakeoverCounts& counts);
  ~ToyNode();

  // --- the process ---
  void start();
  void crash();
  void application_writes();  // whatever runs beside; it commits where it may
  void flush();
  void trim(std::size_t batches);

  // --- the operator ---
  void promote(bool force);
  void switch_over_to(const std::string& target);

  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] bool leads() const { return primary_ != nullptr && !is_standing_down_; }
  [[nodiscard]] bool is_writable() const { return primary_ != nullptr && !is_fenced_; }
  [[nodiscard]] bool is_switching_over() const { return switchover_.has_value(); }
  [[nodiscard]] bool is_standby_at(const Position& position) const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Position last() const;
  [[nodiscard]] Epoch epoch() const;
  [[nodiscard]] Tenure tenure() const;
  [[nodiscard]] bool sees_fork() const { return view_ && view_->fork().has_value(); }
  [[nodiscard]] std::string describe() const;
  void check();  // throws Broken
  [[nodiscard]] Seq ever_had(Tenure tenure) const {
    const auto found = had_.find(tenure);
    return found == had_.end() ? 0 : found->second;
  }
  // In tenure: how far the standby of that name said it has it on disk.
  std::map<Tenure, std::map<std::string, Seq>> acknowledged;
  std::function<std::map<Tenure, Seq>(const std::string& name)> acknowledged_by;

 private:
  struct Link : ClientPort {  // to one peer, for probes and commands
    ToyNode* node = nullptr;
    std::size_t peer = 0;
    void on_answer(const Bytes& payload) override;
    void on_broadcast(const Bytes&) override {}
  };

  void later(std::int64_t delay_us, std::function<void()> f);
  [[nodiscard]] std::size_t client_of(std::size_t peer) const;
  [[nodiscard]] ToyServer::Cluster cluster_hooks();
  [[nodiscard]] PeerReport report() const;
  void every_probe();
  void react_soon();
  void react();
  void say(std::string text);

  // toy_node_roles.cpp
  void decide();
  void create_stream();
  void begin_primary();
  void begin_standby();
  void drain_unwatched();
  void stand_down();
  void finish_standing_down();
  [[nodiscard]] bool dies_here(const char* step);
  void carry_out_promotion(std::optional<Epoch> unless_above, std::uint64_t takeover_id);
  void open_epoch(std::optional<Epoch> unless_above, std::uint64_t takeover_id);
  [[nodiscard]] std::vector<std::string> objections(bool force, bool is_switchover);
  void on_command(const message::Command& command);
  void take_over_when_there(const message::Command& command, std::int64_t until);
  void decline(const message::Command& command);
  void drive_switchover();
  void carry_out(const switchover::Action& action);
  void note_had();

  World world_;
  const std::size_t index_;
  const std::size_t count_;
  const NodeRole asked_;
  const Sabotage sabotage_;
  TakeoverCounts& counts_;
  const std::string name_;

  // Durable.
  ToyDisk disk_;
  ToyPages database_;        // while this node leads, and after: what the application sees
  bool has_cursor_ = false;  // an application was the last to write
  Epoch demoted_from_ = 0;

  // Of the process.
  std::uint64_t run_ = 0;
  std::uint64_t process_ = 0;
  bool is_up_ = false;
  bool is_fenced_ = false;
  bool is_standing_down_ = false;
  bool reacts_ = false;
  std::uint64_t takeover_id_ = 0;
  std::uint64_t declined_id_ = 0;
  std::vector<Link> links_;
  std::optional<PeerView> view_;
  std::unique_ptr<ToyPrimary> primary_;
  std::unique_ptr<ToyStandby> standby_;
  std::optional<Switchover> switchover_;

  // What is promised.
  std::map<Tenure, Seq> had_;  // records that were durable here
  std::deque<std::string> story_;
};

}  // namespace understudy::sim
