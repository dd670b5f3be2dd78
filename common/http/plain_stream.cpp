#include "common/http/byte_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace understudy::http {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int socket) : socket_(socket) {}
  ~PlainStream() override { ::close(socket_); }
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;

  ssize_t read(std::span<char> into) override {
    wanted_ = POLLIN;
    return outcome(::recv(socket_, into.data(), into.size(), 0));
  }
  ssize_t write(std::span<const char> from) override {
    wanted_ = POLLOUT;
    return outcome(::send(socket_, from.data(), from.size(), MSG_NOSIGNAL));
  }
  void end_writing() override { ::shutdown(socket_, SHUT_WR); }
  [[nodiscard]] short wanted() const override { return wanted_; }
  [[nodiscard]] int descriptor() const override { return socket_; }

 private:
  static ssize_t outcome(ssize_t count) {
    if (count >= 0) return count;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? kLater : kBroken;
  }

  int socket_;
  short wanted_ = POLLIN;
};

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(int socket) {
  return std::make_unique<PlainStream>(socket);
}

}  // namespace understudy::http
