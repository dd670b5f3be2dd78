// LagBound: how far behind a standby may be to be asked: ?lag= of the health endpoints. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace understudy {

struct LagSeconds {
  double most = 0;
  bool operator==(const LagSeconds&) const = default;
};
struct LagTransactions {
  std::uint64_t most = 0;
  bool operator==(const LagTransactions&) const = default;
};
struct LagBytes {
  std::uint64_t most = 0;
  bool operator==(const LagBytes&) const = default;
};
using LagBound = std::variant<LagSeconds, LagTransactions, LagBytes>;

// How far a standby is behind, as far as it is known.
struct Lag {
  std::optional<double> seconds;
  std::optional<std::uint64_t> transactions;
  std::optional<std::uint64_t> bytes;
};

// A number of digits, with a fraction or without, and a unit:
//   seconds       5  5s  0.5s  500ms  2m  1h
//   transactions  100tx                            (no fraction)
//   bytes         1B  64KiB  1MiB  2GiB  64kB  1MB  2GB
// nullopt: it is nothing of these.
[[nodiscard]] std::optional<LagBound> parse_lag_bound(std::string_view text);

// What is not known is not within any bound.
[[nodiscard]] bool is_within(const LagBound& bound, const Lag& lag);

}  // namespace understudy
