// Traffic: what became of the connections of a server, counted for the metrics.
//
// Any thread: the server's loop counts, anybody reads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace understudy::http {

// Why a connection ended without the answer that it might have had.
enum class Drop : std::uint8_t {
  no_room,      // all connections were taken: it was turned away, or gave way to one that came
  too_slow,     // its request was not whole in time
  not_taken,    // its answer, or its events, were not read in time
  bad_request,  // what it sent is no request, or a larger one than is read; it was told so
  left,         // it ended, or broke TLS, before its request was whole: a port scan, say
};
constexpr std::size_t kDrops = 5;
[[nodiscard]] std::string_view to_string(Drop drop);

class Traffic {
 public:
  struct Reading {
    std::uint64_t accepted = 0;
    std::uint64_t open = 0;                       // now
    std::array<std::uint64_t, kDrops> dropped{};  // by Drop
  };

  void note_accepted() { ++accepted_; }
  void note_open(std::size_t connections) { open_ = connections; }
  void note(Drop drop) { ++dropped_[static_cast<std::size_t>(drop)]; }
  [[nodiscard]] Reading read() const;

 private:
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> open_{0};
  std::array<std::atomic<std::uint64_t>, kDrops> dropped_{};
};

}  // namespace understudy::http
