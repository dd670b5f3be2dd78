// The primary's role of a simulated cluster node: captures what the application commits into its
// database, makes it durable now and then, serves it. Without `serve` it only puts on record what
// happened while nobody watched.
#pragma once

#include "tests/simulation/lineage.h"
#include "tests/simulation/toy_batches.h"
#include "tests/simulation/toy_standby.h"

namespace understudy::sim {

// Opens an epoch in this log, durably: the log's last state is `pages`.
EpochStart open_toy_epoch(ToyLog& log, Lineage& lineage, const ToyPages& pages,
                          const std::string& node, Epoch epoch, Events& events, Chance& chance);

class ToyPrimary : public PageSource {
 public:
  struct World {
    Events& events;
    Chance& chance;
    ToyNetwork& network;
    Lineage& lineage;
  };
  ToyPrimary(World world, ToyDisk& disk, ToyPages& database, std::size_t index,
             ToyServer::Cluster cluster, bool serve);
  ~ToyPrimary() override;

  void commit();  // by the application
  void flush();   // one fsync
  void flush_all();
  // The process is gone: what was not durable never was.
  void lose_pending();
  [[nodiscard]] Tenure tenure() const { return disk_.log->history().back().tenure; }
  std::function<void(const std::string&, const message::Ack&)> on_ack;

  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override;
  [[nodiscard]] std::optional<StateOutline> outline() const override;

 private:
  void capture(RecordKind kind);
  void append(const std::vector<Bytes>& blobs);

  World world_;
  ToyDisk& disk_;
  ToyPages& database_;
  ToyPages captured_;
  Position captured_at_;
  ToyBatches pending_;
  std::unique_ptr<ToyServer> server_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace understudy::sim
