#include "replay/moment.h"

#include "common/core/errors.h"
#include "common/record/record.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

namespace understudy {
namespace {

constexpr std::int64_t kSecond_us = 1'000'000;
constexpr std::int64_t kLongest_us = std::int64_t{1000} * 366 * 86'400 * kSecond_us;

// Takes what it reads off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool is_empty() const { return text_.empty(); }
  bool take(std::string_view any_of) {
    if (text_.empty() || any_of.find(text_.front()) == std::string_view::npos) return false;
    last_ = text_.front();
    text_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] char last() const { return last_; }
  // Exactly so many digits.
  std::optional<int> number(std::size_t digits) {
    int value = 0;
    if (text_.size() < digits) return std::nullopt;
    for (std::size_t i = 0; i < digits; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = 10 * value + (text_[i] - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }
  // Digits of a fraction, as microseconds; nullopt: none.
  std::optional<std::int64_t> fraction() {
    std::int64_t value = 0;
    std::int64_t unit = kSecond_us / 10;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      value += unit * (text_.front() - '0');
      unit /= 10;
      any = true;
      text_.remove_prefix(1);
    }
    return any ? std::optional(value) : std::nullopt;
  }

 private:
  std::string_view text_;
  char last_ = 0;
};

// "Z", "+01:00", "-0530" as microseconds to be taken off.
std::optional<std::int64_t> read_offset(Reader& reader) {
  if (reader.take("Zz")) return 0;
  if (!reader.take("+-")) return std::nullopt;
  const auto sign = reader.last() == '-' ? -1 : 1;
  const auto hours = reader.number(2);
  reader.take(":");
  const auto minutes = reader.number(2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60) * kSecond_us;
}

// Microseconds of the day.
std::optional<std::int64_t> read_time_of_day(Reader& reader) {
  const auto hours = reader.number(2);
  if (!hours || !reader.take(":")) return std::nullopt;
  const auto minutes = reader.number(2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  std::int64_t time_us = (*hours * 3600 + *minutes * 60) * kSecond_us;
  if (!reader.take(":")) return time_us;
  const auto seconds = reader.number(2);
  if (!seconds || *seconds > 60) return std::nullopt;
  time_us += *seconds * kSecond_us;
  if (!reader.take(".,")) return time_us;
  const auto fraction = reader.fraction();
  return fraction ? std::optional(time_us + *fraction) : std::nullopt;
}

std::optional<std::int64_t> parse_date_time(std::string_view text) {
  using namespace std::chrono;
  Reader reader(text);
  const auto year = reader.number(4);
  if (!year || !reader.take("-")) return std::nullopt;
  const auto month = reader.number(2);
  if (!month || !reader.take("-")) return std::nullopt;
  const auto day = reader.number(2);
  if (!day || !reader.take("Tt ")) return std::nullopt;
  const year_month_day date{std::chrono::year{*year},
                            std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  const auto time_us = read_time_of_day(reader);
  const auto offset = time_us ? read_offset(reader) : std::nullopt;
  if (!date.ok() || !offset || !reader.is_empty()) return std::nullopt;
  const auto days = sys_days(date).time_since_epoch().count();
  return std::int64_t{days} * 86'400 * kSecond_us + *time_us - *offset;
}

std::optional<std::int64_t> parse_ago(std::string_view text, std::int64_t now_us) {
  constexpr std::string_view kAgo = " ago";
  if (!text.ends_with(kAgo)) return std::nullopt;
  text.remove_suffix(kAgo.size());
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return std::nullopt;
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
      {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}}};
  for (const auto& [name, seconds] : kUnits) {
    const double ago_us = number * seconds * kSecond_us;
    if (unit == name && ago_us <= kLongest_us) return now_us - static_cast<std::int64_t>(ago_us);
  }
  return std::nullopt;
}

// The batch that holds the start of a record.
Bytes batch_with(LogReader& log, Seq seq) {
  auto blobs = log.read({seq, 0}, 1);
  if (blobs.empty()) throw CorruptionError(fmt::format("the log lacks record {}", seq));
  return std::move(blobs.front());
}

BatchView view_of(const Bytes& blob, Seq seq) {
  const auto view = BatchView::parse(blob);
  if (!view) throw CorruptionError(fmt::format("the batch with record {} is damaged", seq));
  return *view;
}

// When a record was committed: the time of the last part of it in this batch. nullopt: it ends
// behind it.
std::optional<std::int64_t> time_in(const BatchView& batch, Seq seq) {
  Bytes raw;
  RecordPart part;
  if (!batch.unpack(raw)) throw CorruptionError(fmt::format("record {} does not unpack", seq));
  for (ByteView rest(raw); !rest.empty();) {
    if (!decode_part(rest, part)) throw CorruptionError(fmt::format("record {} is damaged", seq));
    if (part.header.seq == seq && part.header.last) return part.header.time_us;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_us) {
  if (text == "now") return now_us;
  if (const auto moment = parse_ago(text, now_us)) return moment;
  return parse_date_time(text);
}

std::int64_t commit_time(LogReader& log, Seq seq) {
  const auto blob = batch_with(log, seq);
  const auto batch = view_of(blob, seq);
  if (const auto time = time_in(batch, seq)) return *time;
  return batch.header.time_us;
}

Seq last_record_until(LogReader& log, std::int64_t time_us) {
  const auto bounds = log.bounds();
  Seq low = bounds.base.seq;  // committed by then, or the base
  Seq high = bounds.last.seq + 1;
  while (high - low > 1) {
    const Seq middle = low + (high - low) / 2;
    (commit_time(log, middle) <= time_us ? low : high) = middle;
  }
  return low;
}

}  // namespace understudy
