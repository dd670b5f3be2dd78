// TLS for a listener: certificate and key of the server, and streams under them. TLS 1.2 or later.
// The context may be used by any thread, each stream by one.
#pragma once

#include "common/http/byte_stream.h"

#include <string>

namespace understudy::http {

class TlsContext {
 public:
  // PEM files: the certificate with the chain behind it, and its key. Throws ConfigError, naming
  // the file: unreadable, no pair, or a key that others than its owner may read.
  TlsContext(const std::string& certificate_file, const std::string& key_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Owns the socket, which must not block. The handshake is part of the first read().
  [[nodiscard]] std::unique_ptr<ByteStream> make_stream(int socket) const;

 private:
  struct Deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Deleter> context_;  // SSL_CTX
};

}  // namespace understudy::http
