#include "common/logging/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace understudy {
namespace {

constexpr std::int64_t kSample_us = 500'000;  // the rate is taken anew so often
constexpr double kSmoothing_s = 4.0;          // and averaged over about so long
constexpr int kBarWidth = 24;

std::string amount(double units, ProgressUnit unit) {
  switch (unit) {
    case ProgressUnit::bytes:
      return format_bytes(static_cast<std::uint64_t>(units));
    case ProgressUnit::pages:
      return fmt::format("{:.0f} pages", units);
    case ProgressUnit::records:
      break;
  }
  return fmt::format("{:.0f} records", units);
}

}  // namespace

ProgressMeter::ProgressMeter(std::string what, std::uint64_t total, ProgressUnit unit,
                             std::int64_t now_us)
    : what_(std::move(what)), total_(total), unit_(unit), began_us_(now_us), sampled_us_(now_us) {}

void ProgressMeter::advance(std::uint64_t done, std::int64_t now_us) {
  done_ = std::max(done_, done);
  const auto elapsed_us = now_us - sampled_us_;
  if (elapsed_us < kSample_us && sampled_us_ != began_us_) return;
  if (elapsed_us <= 0) return;
  const auto seconds = static_cast<double>(elapsed_us) / 1e6;
  const auto latest = static_cast<double>(done_ - sampled_done_) / seconds;
  const bool first = sampled_us_ == began_us_;
  const auto weight = first ? 1.0 : 1.0 - std::exp(-seconds / kSmoothing_s);
  rate_ += weight * (latest - rate_);
  if (elapsed_us < kSample_us) return;  // the very first moments: shown, but measured again
  sampled_us_ = now_us;
  sampled_done_ = done_;
}

std::optional<double> ProgressMeter::fraction() const {
  if (total_ == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
}

std::optional<double> ProgressMeter::seconds_left() const {
  if (total_ == 0 || rate_ <= 0) return std::nullopt;
  return done_ >= total_ ? 0.0 : static_cast<double>(total_ - done_) / rate_;
}

std::string ProgressMeter::summary() const {
  std::string text;
  if (const auto part = fraction()) {
    text = fmt::format("{:3.0f} % {} of {}", std::floor(*part * 100),
                       amount(static_cast<double>(done_), unit_),
                       amount(static_cast<double>(total_), unit_));
  } else {
    text = amount(static_cast<double>(done_), unit_);
  }
  if (rate_ > 0) text += fmt::format(", {}/s", amount(rate_, unit_));
  if (const auto left = seconds_left(); left && done_ < total_) {
    text += fmt::format(", {} left", format_seconds(*left));
  }
  return text;
}

std::string ProgressMeter::bar(int width) const {
  const auto part = fraction();
  if (!part || width < 70) return what_ + "  " + summary();
  const int full = static_cast<int>(*part * kBarWidth);
  return fmt::format("{}  [{}{}] {}", what_, std::string(full, '#'),
                     std::string(kBarWidth - full, '-'), summary());
}

std::string ProgressMeter::closing(std::int64_t now_us) const {
  const auto seconds = std::max(0.001, static_cast<double>(now_us - began_us_) / 1e6);
  const auto done = static_cast<double>(done_);
  return fmt::format("{} in {}, {}/s", amount(done, unit_), format_seconds(seconds),
                     amount(done / seconds, unit_));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  int unit = 0;
  // 1023.95 would print as 1024.0 of the smaller unit.
  while (value >= 1023.95 && unit < 6) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_seconds(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::min(seconds + 0.5, 1e12));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace understudy
