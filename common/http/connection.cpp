#include "common/http/connection.h"

#include <poll.h>

#include <array>
#include <utility>

namespace understudy::http {
namespace {

std::int64_t time_for(Connection::Phase phase) {
  switch (phase) {
    case Connection::Phase::head:
      return Connection::kHead_us;
    case Connection::Phase::writing:
      return Connection::kWriting_us;
    case Connection::Phase::draining:
      return Connection::kDraining_us;
    default:
      return Connection::kNever;
  }
}

}  // namespace

Connection::Connection(std::uint64_t id, std::unique_ptr<ByteStream> stream, std::int64_t now_us)
    : id_(id), stream_(std::move(stream)), deadline_us_(now_us + kHead_us) {}

void Connection::enter(Phase phase, std::int64_t now_us) {
  phase_ = phase;
  const auto time = time_for(phase);
  deadline_us_ = time == kNever ? kNever : now_us + time;
}

void Connection::on_ready(std::int64_t now_us) {
  if (phase_ == Phase::head) read_head(now_us);
  if (phase_ == Phase::writing) write_out(now_us);
  if (phase_ == Phase::streaming) {
    read_away();
    if (phase_ == Phase::streaming) write_out(now_us);
  }
  if (phase_ == Phase::draining) read_away();
}

void Connection::tick(std::int64_t now_us) {
  if (now_us < deadline_us_) return;
  if (phase_ == Phase::head) return end(Drop::too_slow);
  if (phase_ == Phase::writing) return end(Drop::not_taken);
  end();
}

void Connection::end(Drop why) {
  if (!is_over()) dropped_ = why;
  end();
}

void Connection::read_head(std::int64_t now_us) {
  std::array<char, 2048> buffer{};
  while (in_.size() < kHeadLimit) {
    const auto count = stream_->read(buffer);
    if (count == ByteStream::kLater) return;
    if (count <= 0) return end(Drop::left);
    // The end may lie across two reads.
    const auto from = in_.size() < 3 ? 0 : in_.size() - 3;
    in_.append(buffer.data(), static_cast<std::size_t>(count));
    if (in_.find("\r\n\r\n", from) != std::string::npos) break;
  }
  enter(Phase::waiting, now_us);
}

std::string Connection::take_head() {
  if (phase_ != Phase::waiting || std::exchange(is_head_taken_, true)) return {};
  const auto end = in_.find("\r\n\r\n");
  if (end != std::string::npos) in_.resize(end + 4);
  return std::move(in_);
}

void Connection::answer(std::string bytes, bool stays_open, std::int64_t now_us) {
  if (is_over()) return;
  out_ = std::move(bytes);
  out_begin_ = 0;
  stays_open_ = stays_open;
  enter(Phase::writing, now_us);
  write_out(now_us);
}

void Connection::send(std::string_view events, std::int64_t now_us) {
  if (is_over() || !stays_open_ || events.empty()) return;
  if (out_.size() - out_begin_ + events.size() > kBacklogLimit) return end(Drop::not_taken);
  out_.erase(0, std::exchange(out_begin_, 0));
  out_ += events;
  if (phase_ == Phase::streaming) write_out(now_us);
}

void Connection::write_out(std::int64_t now_us) {
  while (out_begin_ < out_.size()) {
    const auto rest = std::span<const char>(out_).subspan(out_begin_);
    const auto count = stream_->write(rest);
    if (count == ByteStream::kLater) return;
    if (count <= 0) return end();
    out_begin_ += static_cast<std::size_t>(count);
  }
  out_.clear();
  out_begin_ = 0;
  if (phase_ == Phase::streaming) return;
  if (stays_open_) return enter(Phase::streaming, now_us);
  // Closed at once, bytes of the client that nobody read would make the kernel take back the
  // answer.
  stream_->end_writing();
  enter(Phase::draining, now_us);
}

void Connection::read_away() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto count = stream_->read(buffer);
    if (count == ByteStream::kLater) return;
    if (count <= 0) return end();
    read_away_ += static_cast<std::size_t>(count);
    if (read_away_ > kDrainLimit) return end();
  }
}

short Connection::wanted() const {
  switch (phase_) {
    case Phase::head:
      return stream_->wanted();
    case Phase::writing:
      return stream_->wanted();
    case Phase::streaming:
      return static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT));
    case Phase::draining:
      return POLLIN;
    default:
      return 0;
  }
}

}  // namespace understudy::http
