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
  log_.emplace(stream, captured_at_);
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
  for (auto& part : parts) pending_.push_back(std::move(part));
}

Bytes ToyPublisher::cut_batch_of(std::size_t parts) {
  BatchHeader header;
  header.stream = log_->stream();
  header.epoch = pending_.front().header.epoch;
  header.first = {pending_.front().header.seq, pending_.front().header.part};
  header.sum_before = header.sum_after = pending_.front().header.sum_before;
  Bytes raw;
  for (; parts > 0 && !pending_.empty(); --parts) {
    const auto& part = pending_.front();
    if (part.header.epoch != header.epoch) break;
    raw.insert(raw.end(), part.encoded.begin(), part.encoded.end());
    header.last = {part.header.seq, part.header.part};
    header.closed = part.header.last;
    header.time_us = part.header.time_us;
    if (part.header.last) {
      ++header.records;
      header.sum_after = part.header.sum_after;
    }
    pending_.pop_front();
  }
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  return encode_batch(header, raw);
}

void ToyPublisher::flush() {
  if (!is_up() || pending_.empty()) return;
  std::vector<Bytes> blobs;
  auto left = 1 + chance_.below(pending_.size());
  while (left > 0 && !pending_.empty()) {
    const auto before = pending_.size();
    blobs.push_back(cut_batch_of(1 + chance_.below(left)));
    left -= std::min<std::size_t>(left, before - pending_.size());
  }
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
  if (log_->bounds().last.seq > 0 && chance_.in_thousand(200)) {
    // A new tenure opens with a record that changes nothing.
    ++epoch_;
    capture(RecordKind::epoch, captured_);
  }
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
