// A model publisher: an application that commits, capture, and a log that is fsynced now and then,
// with crashes in between. Serves by the product's sessions.
#pragma once

#include "tests/simulation/toy_batches.h"
#include "tests/simulation/toy_server.h"
#include "tests/simulation/truth.h"

namespace understudy::sim {

// Rules that a run may break on purpose, to see that it is noticed.
enum class Sabotage { none, send_before_durable, lose_an_append, ignore_as_of, lose_orphans };

class ToyPublisher : public PageSource {
 public:
  ToyPublisher(Events& events, Chance& chance, ToyNetwork& network, Truth& truth,
               Sabotage sabotage);

  void commit();  // by the application; captured when the publisher is up
  void flush();   // one fsync of the log thread
  void crash();
  void restart();
  // Down: the log is put back to an old copy, `records` records shorter. The seq that is left.
  Seq restore_old_log(Seq records);
  void trim(std::size_t batches) { log_->trim(batches, log_->bounds().last.seq), advance({}); }

  [[nodiscard]] bool is_up() const { return server_ != nullptr; }
  [[nodiscard]] LogBounds bounds() const { return log_->bounds(); }
  [[nodiscard]] const StreamId& stream() const { return log_->stream(); }
  [[nodiscard]] bool is_flushed() const { return pending_.empty(); }
  std::function<void(const std::string&, const message::Ack&)> on_ack;

  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override;
  [[nodiscard]] std::optional<StateOutline> outline() const override;

 private:
  void capture(RecordKind kind, const ToyPages& after);
  void advance(const std::vector<Bytes>& blobs);
  void open_epoch();

  Events& events_;
  Chance& chance_;
  ToyNetwork& network_;
  Truth& truth_;
  Sabotage sabotage_;
  Epoch epoch_ = 1;
  ToyPages database_;
  ToyPages captured_;
  Position captured_at_;
  ToyBatches pending_;
  std::optional<ToyLog> log_;
  std::unique_ptr<ToyServer> server_;
};

}  // namespace understudy::sim
