// What was typed of the lease.
#include "cli/typed.h"
#include "cli/units.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

namespace understudy {
namespace {

Seq read_max_lag(const std::string& text) {
  Seq lag = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, lag);
  if (parsed.ec == std::errc{} && parsed.ptr == end) return lag;
  throw UsageError(fmt::format("--max-lag-on-takeover {}: write a number of transactions", text));
}

void check_prefix(const std::string& prefix) {
  if (prefix.size() > 1 && prefix.front() == '/' && prefix.back() != '/') return;
  throw UsageError(fmt::format("--lease-prefix {}: write a key like /understudy/orders", prefix));
}

}  // namespace

NodeTags read_tags(const Typed& typed) {
  return {typed.nofailover, typed.noloadbalance, typed.priority};
}

std::optional<LeaseOptions> read_lease(const Typed& typed) {
  LeaseOptions options;
  options.max_lag = read_max_lag(typed.max_lag_on_takeover);
  options.ttl_us = read_duration_ms("--lease-ttl", typed.lease_ttl) * 1000;
  if (options.ttl_us < kLeastTtl_us) {
    throw UsageError(
        fmt::format("--lease-ttl {}: 5s at least, or a pause of a disk or a network "
                    "moves the primary",
                    typed.lease_ttl));
  }
  check_prefix(typed.lease_prefix);
  if (typed.lease_cert.empty() != typed.lease_key.empty()) {
    throw UsageError("--lease-cert and --lease-key belong together: give both");
  }
  if (typed.lease.empty()) return std::nullopt;
  const auto endpoints = parse_etcd_endpoints(typed.lease);
  if (!endpoints) {
    throw UsageError(fmt::format("--lease {}: write etcd://HOST:2379,HOST2:2379", typed.lease));
  }
  if (typed.peers.empty()) {
    throw UsageError("--lease needs --peers: nodes speak to each other, too");
  }
  options.kill_command = typed.lease_kill;
  auto& etcd = options.etcd;
  etcd.endpoints = *endpoints;
  etcd.prefix = typed.lease_prefix;
  etcd.user = typed.lease_user;
  if (const char* password = std::getenv("UNDERSTUDY_LEASE_PASSWORD")) etcd.password = password;
  etcd.certificate = typed.lease_cert;
  etcd.key = typed.lease_key;
  etcd.authority = typed.lease_ca;
  if (!etcd.user.empty() && etcd.password.empty()) {
    throw UsageError("--lease-user: its password is to be in UNDERSTUDY_LEASE_PASSWORD");
  }
  return options;
}

}  // namespace understudy
