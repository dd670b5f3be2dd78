// PageAsker: one question to a PageSource at a time, and the wait for its answer. An answer that
// comes after the asker is gone is dropped. One thread; answers come on another.
#pragma once

#include "common/serving/page_source.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace understudy {

class PageAsker {
 public:
  explicit PageAsker(PageSource& pages) : pages_(pages) {}

  void ask(PageNo first, PageNo count);
  // The answer to what was asked last. Nullopt: not in time, or the source says "not now" (then
  // is_refused()).
  [[nodiscard]] std::optional<PageAnswer> await(std::chrono::milliseconds patience);
  [[nodiscard]] bool is_refused() const;

 private:
  // Outlives the asker in the hands of the source.
  struct Mailbox {
    std::mutex mutex;
    std::condition_variable came;
    bool has_come = false;
    std::optional<PageAnswer> answer;
  };
  PageSource& pages_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace understudy
