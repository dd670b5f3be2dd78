// EtcdOptions: where the etcd cluster is, and how to be let in; the command line fills it in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

struct EtcdOptions {
  struct Address {
    std::string host;
    int port = 2379;
    bool operator==(const Address&) const = default;
  };
  std::vector<Address> endpoints;  // tried in turn
  std::string prefix = "/understudy";
  std::string user;  // empty: no authentication by name
  std::string password;
  std::string certificate, key;  // files; empty: no client certificate
  std::string authority;         // file with certificates to trust; given: TLS
  // Of each try at one endpoint.
  std::chrono::milliseconds limit{1000};

  [[nodiscard]] bool uses_tls() const { return !authority.empty() || !certificate.empty(); }
};

// "etcd://HOST:2379,HOST2:2379,[::1]:2379"; the port may be left out. nullopt: it is not one.
[[nodiscard]] std::optional<std::vector<EtcdOptions::Address>> parse_etcd_endpoints(
    std::string_view text);

}  // namespace understudy
