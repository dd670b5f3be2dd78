// What people see is aligned, and hostile names cannot paint on their terminal.
#include "cli/status_view.h"

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
