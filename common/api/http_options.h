// HttpOptions: the HTTP interface of a node on a TCP port, as the operator wants it.
#pragma once

#include "common/http/address.h"
#include "common/http/tls.h"

#include <memory>
#include <string>

namespace understudy {

struct HttpOptions {
  http::Address address;
  std::string certificate_file;  // both or none
  std::string key_file;
  std::shared_ptr<http::TlsFiles> certificate = {};  // those files, open (open_certificate())
  std::string token;                                 // for commands; empty: none are taken over TCP
};

// What cannot be: a certificate without a key, a token in the clear for other machines. Throws
// ConfigError that says what to do.
void check_http_options(const HttpOptions& options);

// Null: they name none. Throws ConfigError.
[[nodiscard]] std::shared_ptr<http::TlsFiles> open_certificate(const HttpOptions& options);

}  // namespace understudy
