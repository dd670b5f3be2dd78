// EtcdStore: the lease in etcd 3.4 and later, through its JSON gateway. Which keys there are, and
// what stands in them: schemas/lease.md.
//
// etcd's own leases are not used: their expiry is the etcd leader's word, which a leader that was
// paused or deposed may give too early (etcd issue 15247), and which starts anew with each leader.
// Reads and transactions are linearizable; that is all that is relied on.
#pragma once

#include "lease/etcd_gateway.h"
#include "lease/lease_store.h"

namespace understudy {

class EtcdStore final : public LeaseStore {
 public:
  explicit EtcdStore(EtcdOptions options);

  [[nodiscard]] LeaseView observe() override;
  [[nodiscard]] SwapOutcome swap(const LeaderRecord& record, std::int64_t expected) override;
  void publish(const MemberRecord& record) override;
  void set_paused(bool is_paused) override;

 private:
  void put(const std::string& key, const std::string& value);
  void remove(const std::string& key);
  [[nodiscard]] std::string leader_key() const { return prefix_ + "/leader"; }
  [[nodiscard]] std::string pause_key() const { return prefix_ + "/pause"; }
  [[nodiscard]] std::string member_key(const std::string& node) const {
    return prefix_ + "/members/" + node;
  }

  std::string prefix_;
  EtcdGateway gateway_;
};

}  // namespace understudy
