// CommitPage: the node's half of the file `commit-page`: makes it, fills it in, wakes who waits.
//
// Only one process writes a page (it holds the state directory's lock), and it believes nothing
// that stands there from before. The file stays the same one over restarts, so that applications
// that have it mapped go on.
//
// publish() by one thread at a time (the caller's mutex); wait_for_commit() by any one other.
#pragma once

#include "common/commit_page/layout.h"

#include <chrono>
#include <string>

namespace understudy {

class CommitPage {
 public:
  // Makes the file when there is none. Until publish() its readers see what stands there from
  // before (of a new one: no role). Throws IoError.
  explicit CommitPage(const std::string& path);
  ~CommitPage();
  CommitPage(const CommitPage&) = delete;
  CommitPage& operator=(const CommitPage&) = delete;

  // All of `state` replaces what is there; its boot id and heartbeat are filled in.
  void publish(commit_page::State state);
  // After publish(): wakes everybody who waits for this.
  void announce(commit_page::Signal which);

  // Sleeps for at most `at_most`; less, and true, when an application says that a commit waits.
  bool wait_for_commit(std::chrono::microseconds at_most);

 private:
  void map(const std::string& path);

  commit_page::Page* page_ = nullptr;
  std::uint64_t boot_[2] = {};
  std::uint32_t commits_seen_ = 0;
};

}  // namespace understudy
