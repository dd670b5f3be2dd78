// Connection: one exchange with one client: a whole head comes in, one answer goes out, and it
// ends; or, for a reader of events, bytes go out for as long as it takes them.
//
//   head ──whole──▶ waiting ──answer()──▶ writing ──all out──▶ draining ──▶ over
//                                            └───events────▶ streaming ────▶ over
//
// Invariants
//  - Bounded: kHeadLimit bytes in, and of events kBacklogLimit bytes that wait to go out: who reads
//    slower than events come is let go.
//  - Each phase but waiting and streaming has a deadline from its beginning, however the bytes
//  drip.
//  - Requests have no body: what follows a head is read away and forgotten.
//
// No clock of its own: the caller says what time it is (monotonic). One thread (the server's loop).
#pragma once

#include "common/http/byte_stream.h"
#include "common/http/traffic.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::http {

class Connection {
 public:
  static constexpr std::size_t kHeadLimit = std::size_t{8} * 1024;
  static constexpr std::size_t kBacklogLimit = std::size_t{512} * 1024;
  static constexpr std::int64_t kHead_us = 5'000'000;
  static constexpr std::int64_t kWriting_us = 10'000'000;
  static constexpr std::int64_t kDraining_us = 1'000'000;
  static constexpr std::size_t kDrainLimit = std::size_t{64} * 1024;

  enum class Phase : std::uint8_t { head, waiting, writing, streaming, draining, over };

  Connection(std::uint64_t id, std::unique_ptr<ByteStream> stream, std::int64_t now_us);

  // --- events ---

  // The socket may be ready: moves what can be moved.
  void on_ready(std::int64_t now_us);
  // What goes out; with `stays_open` events follow.
  void answer(std::string bytes, bool stays_open, std::int64_t now_us);
  // More for a reader of events.
  void send(std::string_view events, std::int64_t now_us);
  void tick(std::int64_t now_us);  // deadlines
  void end() { phase_ = Phase::over; }
  void end(Drop why);

  // --- what follows from them ---

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool is_over() const { return phase_ == Phase::over; }
  // A reader of events, or about to be one.
  [[nodiscard]] bool stays_open() const { return stays_open_ && !is_over(); }
  // Why it ended without its answer; nullopt: it did not.
  [[nodiscard]] std::optional<Drop> dropped() const { return dropped_; }
  // A head that is whole, once; empty: none. One that is too long ends in the middle of a line.
  [[nodiscard]] std::string take_head();
  // For poll(): 0: nothing, the socket need not be looked at.
  [[nodiscard]] short wanted() const;
  [[nodiscard]] int descriptor() const { return stream_->descriptor(); }
  [[nodiscard]] std::int64_t deadline_us() const { return deadline_us_; }  // kNever: none

  static constexpr std::int64_t kNever = INT64_MAX;
  // The number of the last event that was sent; kept here for the server.
  std::uint64_t last_event = 0;

 private:
  void enter(Phase phase, std::int64_t now_us);
  void read_head(std::int64_t now_us);
  void read_away();
  void write_out(std::int64_t now_us);

  std::uint64_t id_;
  std::unique_ptr<ByteStream> stream_;
  Phase phase_ = Phase::head;
  std::optional<Drop> dropped_;
  bool stays_open_ = false;
  bool is_head_taken_ = false;
  std::string in_;
  std::string out_;
  std::size_t out_begin_ = 0;  // what is before it has gone out
  std::size_t read_away_ = 0;  // bytes
  std::int64_t deadline_us_;
};

}  // namespace understudy::http
