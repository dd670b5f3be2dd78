#include "common/http/tls.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/http/secret_file.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

namespace understudy::http {
namespace {

SSL_CTX* as_context(void* context) {
  return static_cast<SSL_CTX*>(context);
}

// What OpenSSL says last of all, and nothing of it is left for the next call.
std::string openssl_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(SSL* session, int socket) : session_(session), socket_(socket) {}
  ~TlsStream() override {
    SSL_free(session_);
    ::close(socket_);
  }
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  ssize_t read(std::span<char> into) override {
    ERR_clear_error();
    return outcome(SSL_read(session_, into.data(), static_cast<int>(into.size())));
  }
  ssize_t write(std::span<const char> from) override {
    ERR_clear_error();
    return outcome(SSL_write(session_, from.data(), static_cast<int>(from.size())));
  }
  void end_writing() override {
    ERR_clear_error();
    // One word of goodbye; whether it is answered is the other side's affair.
    if (SSL_is_init_finished(session_) == 1 && !is_broken_) SSL_shutdown(session_);
    ::shutdown(socket_, SHUT_WR);
  }
  [[nodiscard]] short wanted() const override { return wanted_; }
  [[nodiscard]] int descriptor() const override { return socket_; }

 private:
  ssize_t outcome(int count) {
    if (count > 0) return count;
    switch (SSL_get_error(session_, count)) {
      case SSL_ERROR_WANT_READ:
        wanted_ = POLLIN;
        return kLater;
      case SSL_ERROR_WANT_WRITE:
        wanted_ = POLLOUT;
        return kLater;
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      default:
        break;
    }
    // After a fatal error no call but SSL_free() is allowed.
    is_broken_ = true;
    ERR_clear_error();
    return kBroken;
  }

  SSL* session_;
  int socket_;
  short wanted_ = POLLIN;
  bool is_broken_ = false;
};

}  // namespace

void TlsContext::Deleter::operator()(void* context) const {
  SSL_CTX_free(as_context(context));
}

TlsContext::TlsContext(const std::string& certificate_file, const std::string& key_file)
    : context_(SSL_CTX_new(TLS_server_method())) {
  auto* context = as_context(context_.get());
  if (context == nullptr) throw ConfigError("TLS cannot be set up: " + openssl_error());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A write that was cut short is repeated from wherever the rest has been moved to.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    throw ConfigError(fmt::format("--http-cert {}: not a certificate in PEM form ({})",
                                  certificate_file, openssl_error()));
  }
  check_secret_file(key_file, "--http-key");
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    throw ConfigError(fmt::format("--http-key {}: not the key of the certificate {} ({})", key_file,
                                  certificate_file, openssl_error()));
  }
}

TlsContext::~TlsContext() = default;

std::unique_ptr<ByteStream> TlsContext::make_stream(int socket) const {
  auto* session = SSL_new(as_context(context_.get()));
  if (session == nullptr || SSL_set_fd(session, socket) != 1) {
    SSL_free(session);
    ::close(socket);
    throw IoError("begin TLS on", "a connection", ENOMEM);
  }
  SSL_set_accept_state(session);
  return std::make_unique<TlsStream>(session, socket);
}

std::int64_t TlsContext::good_until() const {
  const auto* certificate = SSL_CTX_get0_certificate(as_context(context_.get()));
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return 0;
  return ::timegm(&time);
}

TlsFiles::TlsFiles(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)),
      key_file_(std::move(key_file)),
      current_(std::make_shared<TlsContext>(certificate_file_, key_file_)) {}

std::shared_ptr<const TlsContext> TlsFiles::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void TlsFiles::reload() {
  try {
    auto next = std::make_shared<const TlsContext>(certificate_file_, key_file_);
    log::info(
        "http_cert_reloaded", "new connections are shown this certificate",
        {{"file", certificate_file_}, {"good_until", utc_text(next->good_until() * 1'000'000)}});
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
  } catch (const Error& error) {
    log::error("http_cert_rejected", error.what(), {{"so", "the former certificate stays in use"}});
  }
}

}  // namespace understudy::http
