#include "tests/simulation/toy_primary.h"

namespace understudy::sim {

EpochStart open_toy_epoch(ToyLog& log, Lineage& lineage, const ToyPages& pages,
                          const std::string& node, Epoch epoch, Events& events, Chance& chance) {
  const auto last = log.bounds().last;
  const auto parent = log.history().back().tenure;
  PartHeader header;
  header.epoch = epoch;
  header.seq = last.seq + 1;
  header.time_us = events.now();
  ToyBatches batches;
  batches.add(make_epoch_record(pages, header, {node, chance.bits() | 1, "simulated"}));
  for (auto& blob : batches.cut_all(log.stream(), chance)) log.append(std::move(blob));
  const auto start = log.history().back();
  lineage.open(start, parent);
  lineage.add(start.tenure, log.bounds().last, pages);
  return start;
}

ToyPrimary::ToyPrimary(World world, ToyDisk& disk, ToyPages& database, std::size_t index,
                       ToyServer::Cluster cluster, bool serve)
    : world_(world), disk_(disk), database_(database) {
  captured_at_ = disk_.log->bounds().last;
  captured_ =
      world_.lineage.pages(tenure_at(disk_.log->history(), captured_at_.seq), captured_at_.seq);
  if (database_.sum() != captured_.sum()) capture(RecordKind::repair);
  if (!serve) return;
  server_ = std::make_unique<ToyServer>(world_.events, world_.chance, world_.network, index,
                                        disk_.log, *this, true);
  server_->cluster = std::move(cluster);
  server_->on_ack = [this](const std::string& name, const message::Ack& ack) {
    if (on_ack) on_ack(name, ack);
  };
  server_->advance({});
}

ToyPrimary::~ToyPrimary() {
  *alive_ = false;
}

void ToyPrimary::commit() {
  mutate(database_, world_.chance);
  capture(RecordKind::transaction);
}

void ToyPrimary::capture(RecordKind kind) {
  PartHeader header;
  header.kind = kind;
  header.epoch = disk_.log->history().back().epoch;
  header.seq = captured_at_.seq + 1;
  header.time_us = world_.events.now();
  pending_.add(make_record(captured_, database_, header, world_.chance));
  captured_ = database_;
  captured_at_ = {header.epoch, header.seq, captured_.sum()};
  world_.lineage.add(tenure(), captured_at_, captured_);
}

void ToyPrimary::append(const std::vector<Bytes>& blobs) {
  for (const auto& blob : blobs) disk_.log->append(blob);
  if (server_ && !blobs.empty()) server_->advance(blobs);
}

void ToyPrimary::flush() {
  append(pending_.cut_some(disk_.log->stream(), world_.chance));
}

void ToyPrimary::flush_all() {
  append(pending_.cut_all(disk_.log->stream(), world_.chance));
}

void ToyPrimary::lose_pending() {
  pending_.clear();
  disk_.log->drop_open_tail();
  world_.lineage.forget_after(tenure(), disk_.log->bounds().last.seq);
}

void ToyPrimary::ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) {
  world_.events.in(world_.chance.between(50, 20'000),
                   [this, alive = alive_, request = std::move(request), done] {
                     if (*alive) done(answer_from(captured_, captured_at_, request));
                   });
}

std::optional<StateOutline> ToyPrimary::outline() const {
  return StateOutline{captured_at_, kToyPageSize, captured_.count()};
}

}  // namespace understudy::sim
