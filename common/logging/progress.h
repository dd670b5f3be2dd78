// Progress of long work (scan, bootstrap, resync): a bar on a terminal, plain lines elsewhere.
// One thread at a time.
#pragma once

#include "common/logging/terminal.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace understudy {

enum class ProgressUnit { bytes, pages, records };

class Progress {
 public:
  virtual ~Progress() = default;
  // Starts a piece of work of `total` units; 0: not known. `what` is shown, e.g. "scanning app.db".
  virtual void begin(std::string what, std::uint64_t total, ProgressUnit unit) = 0;
  // `done` units are finished since begin(); cheap, call it as often as you like.
  virtual void advance(std::uint64_t done) = 0;
  // The work is at its end (or was given up). Nothing when none began.
  virtual void end() = 0;
};

// On standard error: a bar on a terminal, else a log event "progress" every few seconds.
std::unique_ptr<Progress> make_progress();
// Shows nothing.
std::unique_ptr<Progress> make_silent_progress();

// What there is to say about the work at one moment; pure, the clock is given.
class ProgressMeter {
 public:
  ProgressMeter(std::string what, std::uint64_t total, ProgressUnit unit, std::int64_t now_us);
  void advance(std::uint64_t done, std::int64_t now_us);

  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] double rate() const { return rate_; }  // units a second, smoothed over some seconds
  [[nodiscard]] std::optional<double> seconds_left() const;
  [[nodiscard]] std::optional<double> fraction() const;  // 0 … 1; nullopt: total not known
  // "42 % 430.1 MiB of 1.0 GiB, 210.3 MiB/s, 3 s left"
  [[nodiscard]] std::string summary() const;
  // "scanning app.db  [########------]  42 % …"
  [[nodiscard]] std::string bar(int width) const;
  // "scanned" line at the end: "1.0 GiB in 5.1 s, 200.2 MiB/s"
  [[nodiscard]] std::string closing(std::int64_t now_us) const;

 private:
  std::string what_;
  std::uint64_t total_;
  ProgressUnit unit_;
  std::int64_t began_us_;
  std::int64_t sampled_us_;
  std::uint64_t sampled_done_ = 0;
  std::uint64_t done_ = 0;
  double rate_ = 0;
};

// "17 B", "1.5 KiB", "3.0 GiB"
std::string format_bytes(std::uint64_t bytes);
// "0.3 s", "42 s", "3 min 07 s", "2 h 05 min"
std::string format_seconds(double seconds);

// The two ways to show progress, with their clock and output given; for make_progress() and tests.
using ProgressClock = std::function<std::int64_t()>;  // microseconds, never going back
std::unique_ptr<Progress> make_bar_progress(Terminal& terminal, ProgressClock clock);
std::unique_ptr<Progress> make_line_progress(
    std::function<void(const ProgressMeter&, bool ended)> say, ProgressClock clock);

}  // namespace understudy
