// Endpoint: "tcp://HOST:PORT" as users write it. The live stream is on PORT, requests on PORT + 1.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace understudy {

struct Endpoint {
  std::string host;  // name, address, [v6 address], or * (listening only)
  std::uint16_t port = 0;

  // Throws ConfigError that says what is wrong with `text`. Port 1 … 65534 (0 is for tests that
  // listen wherever there is room).
  static Endpoint parse(std::string_view text);

  [[nodiscard]] std::string live() const;  // tcp://host:port
  [[nodiscard]] std::string to_string() const { return live(); }
  [[nodiscard]] std::string requests() const;  // tcp://host:(port + 1)
  // Reachable from this machine only, whatever a name may resolve to: 127.*, [::1], localhost.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace understudy
