// CommitPageView: the application's half of the commit page. Maps the file, reads whole states,
// waits for the node, wakes the node. Never throws, never blocks on the node but in wait().
//
// One thread at a time. Header-only: see layout.h.
#pragma once

#include "common/commit_page/futex.h"
#include "common/commit_page/layout.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace understudy::commit_page {

// The state, whole; false: the writer died in the middle, or writes without a pause.
inline bool read_state(Page& page, State& state) {
  static_assert(sizeof(State) == kStateWords * 8);
  auto* words = reinterpret_cast<std::uint64_t*>(&state);
  const Word32 sequence(page.sequence);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto before = sequence.load(std::memory_order_acquire);
    if (before % 2 == 0) {
      for (std::size_t i = 0; i < kStateWords; ++i) {
        words[i] = Word64(page.state[i]).load(std::memory_order_acquire);
      }
      if (sequence.load(std::memory_order_relaxed) == before) return true;
    } else if (attempt % 10 == 9) {
      sched_yield();
    }
  }
  return false;
}

class CommitPageView {
 public:
  CommitPageView() = default;
  ~CommitPageView() { close_page(); }
  CommitPageView(const CommitPageView&) = delete;
  CommitPageView& operator=(const CommitPageView&) = delete;

  // False: there is no such file, it may not be read, or it is not a page of this version. A page
  // that was mapped before stays mapped then; the same file is not mapped twice.
  bool open_page(const char* path) {
    bool writable = true;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
      writable = false;
      file = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (file < 0) return false;
    struct stat found {};
    const bool fits = fstat(file, &found) == 0 && found.st_size >= static_cast<off_t>(kSize);
    if (fits && page_ != nullptr && found.st_ino == inode_ && found.st_dev == device_) {
      close(file);
      return true;
    }
    void* mapped = MAP_FAILED;
    const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    if (fits) mapped = mmap(nullptr, kSize, access, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return false;
    auto* page = static_cast<Page*>(mapped);
    if (page->magic != kMagic || page->version != kVersion) {
      munmap(mapped, kSize);
      return false;
    }
    close_page();
    page_ = page;
    is_writable_ = writable;
    device_ = found.st_dev;
    inode_ = found.st_ino;
    return true;
  }

  bool is_open() const { return page_ != nullptr; }

  bool read(State& state) const { return page_ != nullptr && read_state(*page_, state); }

  // What to hand to wait(). Take it before the state that decides whether to wait.
  std::uint32_t signal(Signal which) const {
    return signal_word(*page_, which).load(std::memory_order_acquire);
  }
  void wait(Signal which, std::uint32_t seen, std::uint64_t at_most_ns) const {
    futex_wait(&page_->signals[which][0], seen, at_most_ns);
  }

  // A commit waits to be copied: the node need not find out by looking.
  void wake_capture() const {
    if (!is_writable_) return;
    signal_word(*page_, kCommitWaits).fetch_add(1, std::memory_order_release);
    futex_wake(&page_->signals[kCommitWaits][0], 1);
  }

 private:
  void close_page() {
    if (page_ != nullptr) munmap(page_, kSize);
    page_ = nullptr;
  }

  Page* page_ = nullptr;
  bool is_writable_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace understudy::commit_page
