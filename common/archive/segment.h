// Segment: some whole records of one log in one file, compressed as they are and self-checking
// (schemas/segment.md). What an archive is made of.
//
// Its name says which records it holds and, by two marks, between which states: so the segments of
// many nodes and of several branches can lie in one folder, and names alone tell which follow on.
#pragma once

#include "common/record/batch.h"
#include "common/record/history.h"

#include <optional>
#include <string>
#include <string_view>

namespace understudy {

// A segment is closed at the first end of a record behind so many bytes.
constexpr std::uint64_t kSegmentBytes = 16ull << 20;

// A state and the tenure that led to it as one number: equal marks, equal logs up to there.
using LogMark = std::uint64_t;
[[nodiscard]] LogMark mark_of(const StreamId& stream, const Position& position,
                              const History& history);

struct SegmentHeader {
  StreamId stream;
  Position base;  // the state that the first record starts from
  bool operator==(const SegmentHeader&) const = default;
};

struct SegmentFooter {
  Position last;                   // the state after the last record
  std::int64_t first_time_us = 0;  // commit times of the first batch …
  std::int64_t last_time_us = 0;   // … and of the last record
  std::uint64_t batches = 0;
  std::uint64_t batch_bytes = 0;
  History history = {};  // up to the last record
  bool operator==(const SegmentFooter&) const = default;
};

// "<first, 20 digits>-<last, 20 digits>-<epoch>-<mark before>-<mark after>.segment"
struct SegmentName {
  Seq first = 0;
  Seq last = 0;
  Epoch epoch = 0;  // of the last record
  LogMark before = 0;
  LogMark after = 0;

  [[nodiscard]] static SegmentName of(const SegmentHeader& header, const SegmentFooter& footer);
  // nullopt: no segment is named so.
  [[nodiscard]] static std::optional<SegmentName> parse(std::string_view file);
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const SegmentName&) const = default;  // by the first record, then the last
};

}  // namespace understudy
