// AppliedPage: the standby's side of the commit page. Shows applications on this machine which
// position their readers see, for understudy_wait(timeout, position). One thread (follow).
#pragma once

#include "common/commit_page/commit_page.h"
#include "common/core/types.h"

#include <optional>
#include <string>

namespace understudy {

class AppliedPage {
 public:
  // Makes the page, and says that a standby runs here. Throws IoError.
  explicit AppliedPage(const std::string& path);

  // `applied`: none, while the replica is not whole. Also says that the node lives, so call it
  // often; most calls cost a comparison.
  void show(const std::optional<Position>& applied, std::int64_t now_us);

 private:
  CommitPage page_;
  Position shown_;
  std::int64_t shown_at_us_ = 0;
};

}  // namespace understudy
