// The words of the product as types: Seq, Epoch, StreamId, StateSum, Position.
// Each has one text form, used in messages, logs, status and on the command line.
// Pure values; any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

using Seq =
    std::uint64_t;  // transaction number in its stream: 1, 2, 3 … ; 0 is the state before the first
using Epoch = std::uint64_t;     // one tenure of one primary; only grows; the first is 1
using PageNo = std::uint32_t;    // SQLite page number, from 1
using PageHash = std::uint64_t;  // see common/record/page_hash.h
using StateSum = std::uint64_t;  // sum (mod 2^64) of the hashes of all pages of a state

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

// 128 random bits that name one replicated database; made once, when publishing begins.
struct StreamId {
  std::array<std::uint8_t, 16> bytes{};

  static StreamId random();
  // 32 lower-case hexadecimal digits; anything else is nullopt.
  static std::optional<StreamId> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_nil() const { return *this == StreamId{}; }
  auto operator<=>(const StreamId&) const = default;
};

// A point in a stream: the state after transaction `seq` of tenure `epoch`, with its sum.
// Text form: "epoch/seq/sum", the sum as 16 hexadecimal digits: "1/42/00c0ffee00c0ffee".
struct Position {
  Epoch epoch = 0;
  Seq seq = 0;
  StateSum sum = 0;

  static std::optional<Position> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Position&) const = default;
};

// 16 lower-case hexadecimal digits.
std::string hex(std::uint64_t value);

}  // namespace understudy
