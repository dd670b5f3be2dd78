#include "common/archive/segment.h"

#include "common/core/byte_fields.h"
#include "common/core/hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace understudy {
namespace {

constexpr std::string_view kSuffix = ".segment";

// The number before the next '-' (or the end), which is taken off too.
bool take_number(std::string_view& text, std::uint64_t& value, int base) {
  const auto end = std::min(text.find('-'), text.size());
  const auto parsed = std::from_chars(text.data(), text.data() + end, value, base);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == text.data() + end;
  text.remove_prefix(std::min(end + 1, text.size()));
  return is_number;
}

}  // namespace

LogMark mark_of(const StreamId& stream, const Position& position, const History& history) {
  const auto start = std::ranges::find(history, position.epoch, &EpochStart::epoch);
  FieldWriter fields;
  fields.put(stream.bytes).put(position.epoch).put(position.seq).put(position.sum);
  fields.put(start == history.end() ? std::uint64_t{0} : start->tenure);
  return xxh3(fields.take());
}

SegmentName SegmentName::of(const SegmentHeader& header, const SegmentFooter& footer) {
  return {.first = header.base.seq + 1,
          .last = footer.last.seq,
          .epoch = footer.last.epoch,
          .before = mark_of(header.stream, header.base, footer.history),
          .after = mark_of(header.stream, footer.last, footer.history)};
}

std::optional<SegmentName> SegmentName::parse(std::string_view file) {
  if (!file.ends_with(kSuffix)) return std::nullopt;
  auto rest = file.substr(0, file.size() - kSuffix.size());
  SegmentName name;
  const bool is_name = take_number(rest, name.first, 10) && take_number(rest, name.last, 10) &&
                       take_number(rest, name.epoch, 10) && take_number(rest, name.before, 16) &&
                       take_number(rest, name.after, 16);
  // Only the one spelling: what is copied under another name is not taken for a second segment.
  if (!is_name || name.to_string() != file || name.first == 0 || name.last < name.first) {
    return std::nullopt;
  }
  return name;
}

std::string SegmentName::to_string() const {
  return fmt::format("{:020}-{:020}-{}-{:016x}-{:016x}{}", first, last, epoch, before, after,
                     kSuffix);
}

}  // namespace understudy
