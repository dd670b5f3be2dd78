// What a primary has captured and its log thread has not made durable yet.
#pragma once

#include "common/record/batch.h"
#include "tests/simulation/toy_pages.h"

#include <deque>

namespace understudy::sim {

class ToyBatches {
 public:
  void add(MadePart part) { pending_.push_back(std::move(part)); }
  void add(std::vector<MadePart> parts) {
    for (auto& part : parts) add(std::move(part));
  }
  void clear() { pending_.clear(); }
  [[nodiscard]] bool empty() const { return pending_.empty(); }
  // Some of what is pending, or all, cut into batches at random.
  [[nodiscard]] std::vector<Bytes> cut_some(const StreamId& stream, Chance& chance);
  [[nodiscard]] std::vector<Bytes> cut_all(const StreamId& stream, Chance& chance);

 private:
  [[nodiscard]] std::vector<Bytes> cut(const StreamId& stream, Chance& chance, std::size_t parts);
  [[nodiscard]] Bytes cut_batch_of(const StreamId& stream, std::size_t parts);

  std::deque<MadePart> pending_;
};

}  // namespace understudy::sim
