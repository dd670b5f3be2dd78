// What was typed of the HTTP interface.
#include "cli/typed.h"
#include "common/core/errors.h"
#include "common/http/secret_file.h"

#include <fmt/format.h>

#include <cstdlib>

namespace understudy {
namespace {

constexpr const char* kTokenVariable = "UNDERSTUDY_HTTP_TOKEN";

// A file that was named counts more than the environment.
std::string read_token(const Typed& typed) {
  if (!typed.http_token_file.empty()) {
    return http::read_secret_file(typed.http_token_file, "--http-token-file");
  }
  const char* variable = std::getenv(kTokenVariable);
  if (variable == nullptr) return {};
  http::check_secret(variable, kTokenVariable);
  return variable;
}

}  // namespace

std::optional<HttpOptions> read_http(const Typed& typed) {
  if (typed.http.empty()) {
    for (const auto& [option, value] :
         {std::pair("--http-token-file", &typed.http_token_file),
          std::pair("--http-cert", &typed.http_cert), std::pair("--http-key", &typed.http_key)}) {
      if (value->empty()) continue;
      throw UsageError(
          fmt::format("{} {}: without --http HOST:PORT there is nothing that it "
                      "could be for",
                      option, *value));
    }
    return std::nullopt;
  }
  HttpOptions options{.address = http::Address::parse(typed.http, "--http"),
                      .certificate_file = typed.http_cert,
                      .key_file = typed.http_key,
                      .token = read_token(typed)};
  check_http_options(options);
  return options;
}

}  // namespace understudy
