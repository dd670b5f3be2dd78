#include "common/snapshot/page_asker.h"

#include <utility>

namespace understudy {

void PageAsker::ask(PageNo first, PageNo count) {
  mailbox_ = std::make_shared<Mailbox>();
  pages_.ask({first, count, {}}, [mailbox = mailbox_](std::optional<PageAnswer> answer) {
    {
      const std::lock_guard lock(mailbox->mutex);
      mailbox->answer = std::move(answer);
      mailbox->has_come = true;
    }
    mailbox->came.notify_one();
  });
}

std::optional<PageAnswer> PageAsker::await(std::chrono::milliseconds patience) {
  std::unique_lock lock(mailbox_->mutex);
  mailbox_->came.wait_for(lock, patience, [this] { return mailbox_->has_come; });
  return std::exchange(mailbox_->answer, {});
}

bool PageAsker::is_refused() const {
  const std::lock_guard lock(mailbox_->mutex);
  return mailbox_->has_come && !mailbox_->answer;
}

}  // namespace understudy
