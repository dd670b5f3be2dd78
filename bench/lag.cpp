// How long from COMMIT returning on the primary until the row is visible on a standby. One process
// and one clock: a thread that writes at a steady rate, and a thread that polls the standby's
// newest id. What it prints is wrong by at most the reader's polling step, printed beside it.
#include "bench/latencies.h"
#include "bench/workload.h"
#include "common/core/errors.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <future>

using namespace understudy;
using namespace understudy::bench;

namespace {

struct LagOptions {
  WorkloadOptions workload;
  std::string standby;
  double rate = 1000;
  double seconds = 10;
  double warm_up_seconds = 1;  // written and followed, but not counted
  std::int64_t poll_us = 50;
  double patience_seconds = 30;  // to wait for the last row after the writer's end
};

// Instants of the i-th transaction; each field is written by one thread, read after both ended.
struct Instants {
  std::int64_t committed = 0;
  std::int64_t seen = 0;  // 0: never
};

class LagMeasurement {
 public:
  explicit LagMeasurement(const LagOptions& options)
      : options_(options),
        workload_(options.workload),
        first_id_(workload_.newest_id() + 1),
        instants_(
            static_cast<std::size_t>(options.rate * (options.seconds + options.warm_up_seconds))),
        steps_(1u << 20) {}

  void run();

  void print();

 private:
  void write_primary();
  void read_standby();

  LagOptions options_;
  Workload workload_;
  std::int64_t first_id_;
  std::vector<Instants> instants_;
  Latencies steps_;                           // the reader's; between two looks at the standby
  std::atomic<std::int64_t> give_up_at_ = 0;  // 0: the writer is at it
  std::int64_t write_ns_ = 0;
};

void LagMeasurement::run() {
  auto reader = std::async(std::launch::async, [this] { read_standby(); });
  try {
    write_primary();
  } catch (...) {
    give_up_at_ = 1;  // in the past: the reader ends, or its future would wait for ever
    throw;
  }
  give_up_at_ = now_ns() + static_cast<std::int64_t>(options_.patience_seconds * 1e9);
  reader.get();
}

void LagMeasurement::write_primary() {
  prctl(PR_SET_TIMERSLACK, 1000);
  const auto step_ns = static_cast<std::int64_t>(1e9 / options_.rate);
  const std::int64_t start = now_ns();
  for (std::size_t i = 0; i < instants_.size(); ++i) {
    sleep_until_ns(start + static_cast<std::int64_t>(i) * step_ns);
    workload_.insert();
    instants_[i].committed = now_ns();
  }
  write_ns_ = now_ns() - start;
}

void LagMeasurement::read_standby() {
  prctl(PR_SET_TIMERSLACK, 1000);
  Connection standby(options_.standby, Connection::Mode::read_only, 1000);
  Statement newest = standby.prepare("SELECT max(id) FROM messages");
  std::size_t seen = 0;
  std::int64_t before = now_ns();
  while (seen < instants_.size()) {
    sleep_until_ns(now_ns() + options_.poll_us * 1000);
    std::int64_t id = newest.step() ? newest.integer(0) : 0;
    newest.reset();
    const std::int64_t now = now_ns();
    steps_.add(now - before);
    before = now;
    for (; seen < instants_.size() && first_id_ + static_cast<std::int64_t>(seen) <= id; ++seen) {
      instants_[seen].seen = now;
    }
    if (const std::int64_t end = give_up_at_; end != 0 && now > end) {
      return;
    }
  }
}

void LagMeasurement::print() {
  Latencies lags(instants_.size());
  std::size_t missing = 0;
  std::size_t before_return = 0;
  for (auto i = static_cast<std::size_t>(options_.rate * options_.warm_up_seconds);
       i < instants_.size(); ++i) {
    const Instants& instant = instants_[i];
    if (instant.seen == 0) {
      ++missing;
      continue;
    }
    before_return += instant.seen < instant.committed;
    lags.add(std::max<std::int64_t>(0, instant.seen - instant.committed));
  }
  fmt::print(
      "{{\"transactions\":{},\"per_second\":{:.1f},\"missing\":{},\"before_commit_returned\":{},"
      "\"lag_us\":{},\"poll_step_us\":{}}}\n",
      instants_.size(), static_cast<double>(instants_.size()) * 1e9 / write_ns_, missing,
      before_return, lags.to_json(), steps_.to_json());
}

}  // namespace

int main(int argc, char** argv) {
  LagOptions options;
  CLI::App app("Measures the lag of a standby");
  app.add_option("primary", options.workload.path)->required();
  app.add_option("standby", options.standby)->required();
  app.add_option("--rate", options.rate, "Transactions a second");
  app.add_option("--seconds", options.seconds);
  app.add_option("--poll-us", options.poll_us, "Pause of the reader between two looks");
  CLI11_PARSE(app, argc, argv);
  try {
    LagMeasurement measurement(options);
    measurement.run();
    measurement.print();
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
