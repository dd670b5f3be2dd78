// HttpOptions: the HTTP interface of a node on a TCP port, as the operator wants it.
#pragma once

#include "common/http/address.h"

#include <string>

namespace understudy {

struct HttpOptions {
  http::Address address;
  std::string certificate_file;  // both or none
  std::string key_file;
  std::string token;  // for commands; empty: none are taken over TCP
};

// What cannot be: a certificate without a key, a token in the clear for other machines. Throws
// ConfigError that says what to do.
void check_http_options(const HttpOptions& options);

}  // namespace understudy
