// What people see is aligned, and hostile names cannot paint on their terminal.
#include "cli/status_view.h"
#include "cli/trend.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

Status primary() {
  Status status;
  status.node = "db1";
  status.database = "/srv/app.db";
  status.state = NodeState::publishing;
  status.pid = 7;
  status.position = {1, 1234567, 0xabc};
  status.backend = BackendStatus{1, 1234567, 2048};
  status.standbys = {{"web", NodeState::streaming, {1234567, 1234567, 1234566}, 0.0004},
                     {"reports-long-name", NodeState::catching_up, {9, 9, 9}, 75}};
  return status;
}

}  // namespace

TEST_CASE("the table of standbys is aligned, with and without colours") {
  const auto text = render_status(primary(), false);
  CHECK(text.find("1,234,567 transactions (1 to 1234567), 2.0 KiB") != text.npos);
  CHECK(text.find('\033') == text.npos);
  const auto first = text.find("  web  ");
  const auto second = text.find("  reports-long-name");
  REQUIRE(first != text.npos);
  REQUIRE(second != text.npos);
  CHECK(text.find('\n', first) - first == text.find('\n', second) - second);
  CHECK(render_status(primary(), true).find("\033[32m") != text.npos);
}

TEST_CASE("a standby that went away has no lag, and does not count") {
  auto status = primary();
  status.standbys[1].state = NodeState::stopped;
  CHECK(render_status(status, false).find("disconnected") != std::string::npos);
  CHECK(render_status(status, false).find("1 min 15 s") == std::string::npos);
  CHECK(render_status_line(status).find("1 standby, worst lag < 1 ms") != std::string::npos);
}

TEST_CASE("what is wrong stands above what is usual") {
  auto status = primary();
  status.warnings = {"commits do not wait"};
  status.is_fenced = true;
  const auto text = render_status(status, false);
  CHECK(text.find("publishing, fenced") < text.find("commits do not wait"));
  CHECK(text.find("commits do not wait") < text.find("position"));
}

TEST_CASE("a live view shows how it has been, a bar a second") {
  Trend lags;
  for (int second = 0; second < 3; ++second) lags.add(0.0004, second * 1'000'000);
  lags.add(60, 2'500'000);  // within the same second
  CHECK(lags.lag_bars() == "▁▁▁");
  lags.add(std::nullopt, 3'000'000);
  lags.add(60, 4'000'000);
  lags.add(0.25, 5'000'000);
  CHECK(lags.lag_bars() == "▁▁▁ █▅");
  for (std::int64_t second = 6; second < 100; ++second) lags.add(1000, second * 1'000'000);
  CHECK(lags.lag_bars().size() == 3 * Trend::kBars);

  Trend rates;
  CHECK(rates.rate_bars().empty());
  for (int second = 0; second < 3; ++second) rates.add(50.0 * second, second * 1'000'000);
  CHECK(rates.rate_bars() == "▁▅█");

  LiveView live;
  live.rate = 42;
  live.rate_bars = rates.rate_bars();
  live.lag_bars_of["web"] = lags.lag_bars();
  const auto text = render_status(primary(), false, live);
  CHECK(text.find("42 transactions/s     ▁▅█\n") != text.npos);
  CHECK(text.find("< 1 ms  " + lags.lag_bars() + "\n") != text.npos);
}

TEST_CASE("names from peers cannot move the cursor") {
  auto status = primary();
  status.standbys[0].name = "\033[2Jx\n";
  status.last_error = "a\nb\033c";
  const auto text = render_status(status, false);
  CHECK(text.find('\033') == text.npos);
}

TEST_CASE("one line for logs") {
  CHECK(render_status_line(primary(), 12.4) ==
        "primary publishing 1/1234567/0000000000000abc, 12 transactions/s, 2 standbys, worst lag 1 "
        "min 15 s");
}

TEST_CASE("a live view is cut to the screen, colours and characters whole") {
  CHECK(fit_screen("\033[1mabcdef\033[0m\nxy\nz", 4, 2) == "\033[1mabcd\033[0m\nxy");
  CHECK(fit_screen("äöü\n", 2, 9) == "äö\n");
  CHECK(fit_screen("\033[1", 4, 2) == "\033[1");
  CHECK(fit_screen("", 4, 2).empty());
}
