#include "cli/status_watch.h"

#include "cli/signal_watch.h"
#include "cli/status_view.h"
#include "cli/stopped_status.h"
#include "cli/trend.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/logging/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <map>

namespace understudy {
namespace {

constexpr int kRedraw_ms = 250;
constexpr int kLine_ms = 1000;

// Keys come one by one and unseen, on a second screen; all is put back at the end.
class LiveScreen {
 public:
  LiveScreen() {
    has_keys_ = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &saved_) == 0;
    if (has_keys_) {
      auto raw = saved_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    put("\033[?1049h\033[?25l");
  }
  ~LiveScreen() {
    put("\033[?25h\033[?1049l");
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
  }
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  [[nodiscard]] bool has_keys() const { return has_keys_; }
  [[nodiscard]] bool colours() const { return terminal_.colours(); }

  // Overwrites line by line, so nothing flickers.
  void show(const std::string& text) {
    // The last column stays free: erasing behind a full line would take its last character.
    std::string out = "\033[H";
    for (const char c : fit_screen(text, terminal_.width() - 1, terminal_.height())) {
      if (c == '\n') out += "\033[K";
      out += c;
    }
    put(out + "\033[K\033[J");
  }

 private:
  static void put(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
  const Terminal terminal_{STDOUT_FILENO};
  termios saved_{};
  bool has_keys_ = false;
};

// Transactions a second between the last two looks, smoothed over some seconds.
class Rate {
 public:
  std::optional<double> update(const Status& status) {
    const auto now_us = monotonic_time_us();
    const auto seconds = static_cast<double>(now_us - last_us_) / 1e6;
    const bool usable = last_us_ != 0 && status.position.seq >= last_seq_ && seconds > 0;
    if (usable) {
      const auto latest = static_cast<double>(status.position.seq - last_seq_) / seconds;
      rate_ = rate_ ? *rate_ + (1 - std::exp(-seconds / 2)) * (latest - *rate_) : latest;
    }
    last_us_ = now_us;
    last_seq_ = status.position.seq;
    return rate_;
  }

 private:
  std::int64_t last_us_ = 0;
  Seq last_seq_ = 0;
  std::optional<double> rate_;
};

// What the live view has seen so far.
class Watched {
 public:
  LiveView update(const Status& status) {
    const auto now_us = monotonic_time_us();
    LiveView live;
    live.rate = rate_.update(status);
    rates_.add(live.rate, now_us);
    live.rate_bars = rates_.rate_bars();
    lags_.add(status.lag_seconds, now_us);
    live.lag_bars = lags_.lag_bars();
    for (const auto& standby : status.standbys) {
      const bool is_here = standby.state != NodeState::stopped;
      auto& lags = lags_of_[standby.name];
      lags.add(is_here ? std::optional(standby.lag_seconds) : std::nullopt, now_us);
      live.lag_bars_of[standby.name] = lags.lag_bars();
    }
    return live;
  }

 private:
  Rate rate_;
  Trend rates_;
  Trend lags_;
  std::map<std::string, Trend> lags_of_;  // bounded by what a publisher tells
};

// Waits for a key, the end, or the time. True: it is over.
bool wait_for_end(int ended, bool has_keys, int timeout_ms) {
  std::array<pollfd, 2> waiting = {{{ended, POLLIN, 0}, {has_keys ? STDIN_FILENO : -1, POLLIN, 0}}};
  if (::poll(waiting.data(), waiting.size(), timeout_ms) <= 0) return false;
  if (waiting[0].revents != 0) return true;
  char key = 0;
  return ::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == '\003';
}

void watch_on_terminal(const FoundNode& node, int ended) {
  LiveScreen screen;
  Watched watched;
  do {
    const auto status = ask_status(node);
    screen.show(render_status(status, screen.colours(), watched.update(status)) +
                (screen.has_keys() ? "\n  q ends this view" : ""));
  } while (!wait_for_end(ended, screen.has_keys(), kRedraw_ms));
}

void watch_in_lines(const FoundNode& node, bool json, int ended) {
  Rate rate;
  do {
    const auto status = ask_status(node);
    const auto pace = rate.update(status);
    fmt::print("{}\n", json ? to_json(status) : render_status_line(status, pace));
    if (std::fflush(stdout) != 0) return;  // the reader went away
  } while (!wait_for_end(ended, false, kLine_ms));
}

}  // namespace

ExitCode watch_status(const FoundNode& node, bool json) {
  const int ended = ::eventfd(0, EFD_CLOEXEC);
  if (ended < 0) throw IoError("open", "eventfd", errno);
  struct Close {
    int descriptor;
    ~Close() { ::close(descriptor); }
  } close{ended};
  const SignalWatch signals([ended](const char*) { ::eventfd_write(ended, 1); });
  if (!json && Terminal(STDOUT_FILENO).is_terminal()) {
    watch_on_terminal(node, ended);
  } else {
    watch_in_lines(node, json, ended);
  }
  return ExitCode::ok;
}

}  // namespace understudy
