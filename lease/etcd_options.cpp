#include "lease/etcd_options.h"

#include <charconv>

namespace understudy {
namespace {

constexpr std::string_view kScheme = "etcd://";
constexpr int kLastPort = 65535;

std::optional<EtcdOptions::Address> parse_address(std::string_view text) {
  EtcdOptions::Address address;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
  } else {
    const auto colon = text.find(':');
    address.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (address.host.empty() || address.host.find_first_of("/@ ") != std::string::npos) {
    return std::nullopt;
  }
  if (port.empty()) return address;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  const bool is_port = error == std::errc{} && end == port.data() + port.size() &&
                       address.port > 0 && address.port <= kLastPort;
  return is_port ? std::optional(address) : std::nullopt;
}

}  // namespace

std::optional<std::vector<EtcdOptions::Address>> parse_etcd_endpoints(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  std::vector<EtcdOptions::Address> addresses;
  for (;;) {
    const auto comma = text.find(',');
    const auto address = parse_address(text.substr(0, comma));
    if (!address) return std::nullopt;
    addresses.push_back(*address);
    if (comma == std::string_view::npos) return addresses;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace understudy
