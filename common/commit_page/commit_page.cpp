#include "common/commit_page/commit_page.h"

#include "common/commit_page/futex.h"
#include "common/core/errors.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace understudy {

using namespace commit_page;

CommitPage::CommitPage(const std::string& path) {
  map(path);
  read_boot_id(boot_);
  if (page_->magic != kMagic || page_->version != kVersion) {
    page_->version = kVersion;
    Word64(page_->magic).store(kMagic, std::memory_order_release);
  }
  commits_seen_ = signal_word(*page_, kCommitWaits).load();
}

CommitPage::~CommitPage() {
  munmap(page_, kSize);
}

// The blocks are there before the mapping is: a store into a hole of a full disk would be a SIGBUS.
void CommitPage::map(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw IoError("create", path, errno);
  int failure = posix_fallocate(file, 0, kSize);
  if (failure == 0) {
    void* mapped = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) {
      failure = errno;
    } else {
      page_ = static_cast<Page*>(mapped);
    }
  }
  close(file);
  if (failure != 0) throw IoError("map", path, failure);
}

void CommitPage::publish(State state) {
  state.boot[0] = boot_[0];
  state.boot[1] = boot_[1];
  state.heartbeat_ns = now_ns();
  std::uint64_t words[kStateWords];
  std::memcpy(words, &state, sizeof words);
  const Word32 sequence(page_->sequence);
  // A writer that was killed in the middle left it odd.
  const auto odd = sequence.load(std::memory_order_relaxed) | 1;
  sequence.store(odd, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kStateWords; ++i) {
    Word64(page_->state[i]).store(words[i], std::memory_order_release);
  }
  sequence.store(odd + 1, std::memory_order_release);
}

void CommitPage::announce(Signal which) {
  signal_word(*page_, which).fetch_add(1, std::memory_order_release);
  futex_wake(&page_->signals[which][0], INT_MAX);
}

bool CommitPage::wait_for_commit(std::chrono::microseconds at_most) {
  const auto word = signal_word(*page_, kCommitWaits);
  if (word.load(std::memory_order_acquire) == commits_seen_) {
    futex_wait(&page_->signals[kCommitWaits][0], commits_seen_,
               static_cast<std::uint64_t>(at_most.count()) * 1000);
  }
  const auto before = std::exchange(commits_seen_, word.load(std::memory_order_acquire));
  return commits_seen_ != before;
}

}  // namespace understudy
