#include "common/transport/endpoint.h"

#include "common/core/errors.h"

#include <fmt/format.h>

#include <charconv>

namespace understudy {
namespace {

constexpr std::string_view kScheme = "tcp://";

[[noreturn]] void reject(std::string_view text, std::string_view why) {
  throw ConfigError(
      fmt::format("'{}' is not an endpoint: {} (expected tcp://HOST:PORT, such as "
                  "tcp://127.0.0.1:7600)",
                  text, why));
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text) {
  if (!text.starts_with(kScheme)) reject(text, "it does not begin with tcp://");
  const auto rest = text.substr(kScheme.size());
  const auto colon = rest.rfind(':');
  if (colon == rest.npos || rest.ends_with(']')) reject(text, "it has no port");
  Endpoint endpoint{.host = std::string(rest.substr(0, colon)), .port = 0};
  const auto digits = rest.substr(colon + 1);

  if (endpoint.host.empty()) reject(text, "it has no host");
  if (endpoint.host.find_first_of(" \t/,;@") != std::string::npos) {
    reject(text, "its host has a character that no host has");
  }
  const bool bracketed = endpoint.host.front() == '[' && endpoint.host.back() == ']';
  if (!bracketed && endpoint.host.find(':') != std::string::npos) {
    reject(text, "an IPv6 address goes into brackets");
  }
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
    reject(text, fmt::format("'{}' is not a port", digits));
  }
  if (port > 65534) reject(text, "the port must be at most 65534, for the next one is used too");
  endpoint.port = static_cast<std::uint16_t>(port);
  return endpoint;
}

std::string Endpoint::live() const {
  return fmt::format("{}{}:{}", kScheme, host, port);
}

std::string Endpoint::requests() const {
  return fmt::format("{}{}:{}", kScheme, host, port + 1);
}

bool Endpoint::is_loopback() const {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace understudy
