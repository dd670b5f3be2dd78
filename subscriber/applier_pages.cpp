// Applier: the pages that other nodes ask for, when they resync from this one.
#include "subscriber/applier.h"

#include <utility>

namespace understudy {
namespace {

constexpr std::size_t kMaxQuestions = 64;

}  // namespace

void Applier::ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (outline_ && inbox_.questions.size() < kMaxQuestions) {
      inbox_.questions.push_back({std::move(request), std::move(done)});
      filled_.notify_one();
      return;
    }
  }
  done(std::nullopt);
}

std::optional<StateOutline> Applier::outline() const {
  const std::lock_guard lock(mutex_);
  return outline_;
}

void Applier::answer(Question& question) {
  if (!can_apply() || !replica_->is_located()) {
    question.done(std::nullopt);
    return;
  }
  auto answer = replica_->read_group(question.request);
  const bool is_damaged = !answer;
  question.done(std::move(answer));
  if (is_damaged) lose_replica("a page that another node asked for is damaged");
}

void Applier::publish_outline() {
  const std::lock_guard lock(mutex_);
  if (can_apply() && replica_->is_located())
    outline_ = replica_->outline();
  else
    outline_.reset();
}

}  // namespace understudy
