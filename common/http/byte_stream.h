// ByteStream: the bytes of one connection, plain or under TLS (tls.h). Never blocks. One thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>

namespace understudy::http {

class ByteStream {
 public:
  static constexpr ssize_t kLater = -1;   // nothing now: wait until the socket is ready
  static constexpr ssize_t kBroken = -2;  // no more, ever

  virtual ~ByteStream() = default;
  // Bytes moved; 0 from read(): the other side is done. Or one of the above.
  [[nodiscard]] virtual ssize_t read(std::span<char> into) = 0;
  [[nodiscard]] virtual ssize_t write(std::span<const char> from) = 0;
  // Nothing more is written; the other side may still be read.
  virtual void end_writing() = 0;
  // What the last read() or write() that said kLater waits for: POLLIN or POLLOUT.
  [[nodiscard]] virtual short wanted() const = 0;
  [[nodiscard]] virtual int descriptor() const = 0;
};

// Owns the socket, which must not block.
std::unique_ptr<ByteStream> make_plain_stream(int socket);

}  // namespace understudy::http
