#include "tests/simulation/toy_publisher.h"

#include <algorithm>

namespace understudy::sim {

ToyPublisher::ToyPublisher(Events& events, Chance& chance, ToyNetwork& network, Truth& truth,
                           Sabotage sabotage)
    : events_(events), chance_(chance), network_(network), truth_(truth), sabotage_(sabotage) {
  database_.resize(6);
  for (int i = 0; i < 10; ++i) mutate(database_, chance_);
  captured_ = database_;
  captured_at_ = {epoch_, 0, captured_.sum()};
  truth_.add(captured_at_, captured_);
  StreamId stream;
  stream.bytes.fill(0x11);
  log_.emplace(stream, captured_at_, History{begin_first_epoch("node-0", captured_at_.sum)});
  restart();
}

void ToyPublisher::commit() {
  mutate(database_, chance_);
  if (is_up()) capture(RecordKind::transaction, database_);
}

void ToyPublisher::capture(RecordKind kind, const ToyPages& after) {
  PartHeader header;
  header.kind = kind;
  header.epoch = epoch_;
  header.seq = captured_at_.seq + 1;
  header.time_us = events_.now();
  auto parts = make_record(captured_, after, header, chance_);
  captured_ = ToyPages(after);
  captured_at_ = {epoch_, header.seq, captured_.sum()};
  truth_.add(captured_at_, captured_);
  pending_.add(std::move(parts));
}

void ToyPublisher::open_epoch() {
  PartHeader header;
  header.epoch = ++epoch_;
  header.seq = captured_at_.seq + 1;
  header.time_us = events_.now();
  pending_.add(make_epoch_record(captured_, header, {"node-0", chance_.bits() | 1, "restart"}));
  captured_at_ = {epoch_, header.seq, captured_at_.sum};
  truth_.add(captured_at_, captured_);
}

void ToyPublisher::flush() {
  if (!is_up() || pending_.empty()) return;
  const auto blobs = pending_.cut_some(log_->stream(), chance_);
  for (const auto& blob : blobs) log_->append(blob);
  advance(blobs);
}

void ToyPublisher::advance(const std::vector<Bytes>& blobs) {
  if (server_) server_->advance(blobs);
}

void ToyPublisher::crash() {
  server_.reset();
  pending_.clear();
  log_->drop_open_tail();
  const auto last = log_->bounds().last;
  if (sabotage_ != Sabotage::send_before_durable) truth_.forget_after(last.seq);
  if (sabotage_ == Sabotage::send_before_durable && last.seq > log_->bounds().base.seq + 1) {
    restore_old_log(1);  // as if the last fsync had not been waited for
  }
}

Seq ToyPublisher::restore_old_log(Seq records) {
  const auto bounds = log_->bounds();
  log_->rewind(std::max(bounds.base.seq, bounds.last.seq - std::min(records, bounds.last.seq)));
  const auto last = log_->bounds().last;
  truth_.forget_after(last.seq);
  return last.seq;
}

void ToyPublisher::restart() {
  const auto last = log_->bounds().last;
  captured_at_ = last;
  captured_ = truth_.pages(last.seq);
  // Epochs that were lost with the end of the log are not opened again.
  const bool lost = epoch_ > log_->history().back().epoch;
  if (log_->bounds().last.seq > 0 && (lost || chance_.in_thousand(200))) open_epoch();
  if (database_.sum() != captured_.sum()) capture(RecordKind::repair, database_);
  server_ = std::make_unique<ToyServer>(events_, chance_, network_, 0, log_, *this, true);
  server_->on_ack = [this](const std::string& name, const message::Ack& ack) {
    if (on_ack) on_ack(name, ack);
  };
  advance({});
}

void ToyPublisher::ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) {
  // The capture thread answers between two transactions, some time later.
  events_.in(chance_.between(50, 20'000), [this, request = std::move(request), done] {
    if (!is_up() || chance_.in_thousand(50)) return done(std::nullopt);
    done(answer_from(captured_, captured_at_, request));
  });
}

std::optional<StateOutline> ToyPublisher::outline() const {
  return StateOutline{captured_at_, kToyPageSize, captured_.count()};
}

}  // namespace understudy::sim
