// TLS for a listener: certificate and key of the server, and streams under them. TLS 1.2 or later.
// The context may be used by any thread, each stream by one. TlsFiles are the files behind it,
// which may be read again.
#pragma once

#include "common/http/byte_stream.h"

#include <cstdint>
#include <memory>
#include <mutex>
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
  // A stream goes on as it began, however soon the context is gone.
  [[nodiscard]] std::unique_ptr<ByteStream> make_stream(int socket) const;
  // Until when the certificate is good: Unix time, seconds.
  [[nodiscard]] std::int64_t good_until() const;

 private:
  struct Deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Deleter> context_;  // SSL_CTX
};

// Any thread.
class TlsFiles {
 public:
  // Throws as TlsContext does.
  TlsFiles(std::string certificate_file, std::string key_file);
  // For connections that begin now. Never null.
  [[nodiscard]] std::shared_ptr<const TlsContext> current() const;
  // Reads both again. What is wrong with them is told in the log, and what was read before stays.
  void reload();

 private:
  const std::string certificate_file_;
  const std::string key_file_;
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace understudy::http
