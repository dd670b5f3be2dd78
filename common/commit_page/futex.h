// The three system calls behind the page: wait for a word to change, wake who waits, what time is
// it, which boot is this. Between processes, on a shared mapping. Needs nothing but the kernel.
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace understudy::commit_page {

inline std::uint64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

// Returns when the word is no longer `seen`, somebody woke us, a signal came, or the time is over.
inline void futex_wait(std::uint32_t* word, std::uint32_t seen, std::uint64_t at_most_ns) {
  const timespec time{static_cast<time_t>(at_most_ns / 1'000'000'000),
                      static_cast<long>(at_most_ns % 1'000'000'000)};
  syscall(SYS_futex, word, FUTEX_WAIT, seen, &time, nullptr, 0);
}

inline void futex_wake(std::uint32_t* word, int how_many) {
  syscall(SYS_futex, word, FUTEX_WAKE, how_many, nullptr, nullptr, 0);
}

// The kernel's boot id, 128 bits; zeros when it does not tell.
inline void read_boot_id(std::uint64_t (&id)[2]) {
  id[0] = id[1] = 0;
  const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  char text[40];
  const auto length = read(file, text, sizeof text);
  close(file);
  int digits = 0;
  for (ssize_t i = 0; i < length && digits < 32; ++i) {
    const char c = text[i];
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && (c < 'a' || c > 'f')) continue;
    auto& half = id[digits++ / 16];
    half = half << 4 | static_cast<std::uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
  }
}

}  // namespace understudy::commit_page
