#include "common/core/types.h"

#include <fmt/format.h>

#include <charconv>
#include <random>

namespace understudy {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

StreamId StreamId::random() {
  std::random_device source;
  StreamId id;
  for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(source());
  return id;
}

std::optional<StreamId> StreamId::parse(std::string_view text) {
  StreamId id;
  if (text.size() != 2 * id.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const auto byte = parse_number(text.substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(*byte);
  }
  return id;
}

std::string StreamId::to_string() const {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::optional<Position> Position::parse(std::string_view text) {
  const auto first = text.find('/');
  const auto second = text.find('/', first == text.npos ? first : first + 1);
  if (second == text.npos || text.size() - second != 17) return std::nullopt;
  const auto epoch = parse_number(text.substr(0, first), 10);
  const auto seq = parse_number(text.substr(first + 1, second - first - 1), 10);
  const auto sum = parse_number(text.substr(second + 1), 16);
  if (!epoch || !seq || !sum) return std::nullopt;
  return Position{*epoch, *seq, *sum};
}

std::string Position::to_string() const {
  return fmt::format("{}/{}/{:016x}", epoch, seq, sum);
}

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace understudy
