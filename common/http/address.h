// Where a server listens: a Unix socket's path, or HOST:PORT. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace understudy::http {

struct Address {
  std::string host;  // name, address, [v6 address], or * for all
  std::uint16_t port = 0;

  // "127.0.0.1:8080", "[::1]:8080", "*:8080". Throws ConfigError; `option` names where it was
  // given.
  static Address parse(std::string_view text, std::string_view option);
  [[nodiscard]] std::string to_string() const;
  // Reachable from this machine only: 127.*, [::1], localhost.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const Address&) const = default;
};

// Sockets that listen and do not block; the caller's to close. Throw IoError, ConfigError.
[[nodiscard]] int listen_on(const Address& address);
// The socket's file is made with mode 0600; one that a killed process left is replaced.
[[nodiscard]] int listen_on_path(const std::string& short_path, const std::string& path);

}  // namespace understudy::http
