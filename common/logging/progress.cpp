#include "common/logging/progress.h"

#include "common/core/clock.h"
#include "common/core/thread_subject.h"
#include "common/logging/log.h"

namespace understudy {
namespace {

constexpr std::int64_t kBarInterval_us = 100'000;
constexpr std::int64_t kLineInterval_us = 5'000'000;

class BarProgress final : public Progress {
 public:
  BarProgress(Terminal& terminal, ProgressClock clock)
      : terminal_(terminal), clock_(std::move(clock)) {}
  ~BarProgress() override { BarProgress::end(); }

  void begin(std::string what, std::uint64_t total, ProgressUnit unit) override {
    end();
    drawn_us_ = clock_();
    meter_.emplace(std::move(what), total, unit, drawn_us_);
    terminal_.draw_bar(meter_->bar(terminal_.width()));
  }

  void advance(std::uint64_t done) override {
    if (!meter_) return;
    const auto now_us = clock_();
    if (now_us - drawn_us_ < kBarInterval_us && done < meter_->total()) return;
    drawn_us_ = now_us;
    meter_->advance(done, now_us);
    terminal_.draw_bar(meter_->bar(terminal_.width()));
  }

  void end() override {
    if (!meter_) return;
    terminal_.draw_bar(meter_->what() + "  " + meter_->closing(clock_()));
    terminal_.keep_bar();
    meter_.reset();
  }

 private:
  Terminal& terminal_;
  ProgressClock clock_;
  std::optional<ProgressMeter> meter_;
  std::int64_t drawn_us_ = 0;
};

// Short work says nothing; the first line comes after an interval, and only then an ending one.
class LineProgress final : public Progress {
 public:
  LineProgress(std::function<void(const ProgressMeter&, bool)> say, ProgressClock clock)
      : say_(std::move(say)), clock_(std::move(clock)) {}
  ~LineProgress() override { LineProgress::end(); }

  void begin(std::string what, std::uint64_t total, ProgressUnit unit) override {
    end();
    said_us_ = clock_();
    said_any_ = false;
    meter_.emplace(std::move(what), total, unit, said_us_);
  }

  void advance(std::uint64_t done) override {
    if (!meter_) return;
    const auto now_us = clock_();
    meter_->advance(done, now_us);
    if (now_us - said_us_ < kLineInterval_us) return;
    said_us_ = now_us;
    said_any_ = true;
    say_(*meter_, false);
  }

  void end() override {
    if (!meter_) return;
    if (said_any_) say_(*meter_, true);
    meter_.reset();
  }

 private:
  std::function<void(const ProgressMeter&, bool)> say_;
  ProgressClock clock_;
  std::optional<ProgressMeter> meter_;
  std::int64_t said_us_ = 0;
  bool said_any_ = false;
};

class SilentProgress final : public Progress {
 public:
  void begin(std::string, std::uint64_t, ProgressUnit) override {}
  void advance(std::uint64_t) override {}
  void end() override {}
};

void log_progress(const ProgressMeter& meter, bool ended) {
  const auto text =
      meter.what() + ": " + (ended ? meter.closing(monotonic_time_us()) : meter.summary());
  log::info("progress", text,
            {{"done", meter.done()}, {"total", meter.total()}, {"rate_per_second", meter.rate()}});
}

}  // namespace

std::unique_ptr<Progress> make_bar_progress(Terminal& terminal, ProgressClock clock) {
  return std::make_unique<BarProgress>(terminal, std::move(clock));
}

std::unique_ptr<Progress> make_line_progress(
    std::function<void(const ProgressMeter&, bool ended)> say, ProgressClock clock) {
  return std::make_unique<LineProgress>(std::move(say), std::move(clock));
}

std::unique_ptr<Progress> make_progress() {
  auto& terminal = Terminal::standard_error();
  if (!log::is_enabled(log::Level::info)) return make_silent_progress();
  if (terminal.is_terminal() && !thread_subject())
    return make_bar_progress(terminal, monotonic_time_us);
  return make_line_progress(log_progress, monotonic_time_us);
}

std::unique_ptr<Progress> make_silent_progress() {
  return std::make_unique<SilentProgress>();
}

}  // namespace understudy
