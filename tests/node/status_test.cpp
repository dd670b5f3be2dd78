// Whatever a status holds comes back from its JSON; foreign bytes are refused as a value.
#include "common/node/status.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

Status primary() {
  Status status;
  status.node = "db1";
  status.state = NodeState::publishing;
  status.stream_id = StreamId::parse("00112233445566778899aabbccddeeff").value();
  status.position = {2, ~std::uint64_t{0}, 0x00c0ffee00c0ffee};
  status.database = "/srv/app.db";
  status.state_dir = "/srv/app.db-understudy";
  status.listen = "tcp://127.0.0.1:7600";
  status.version = "1";
  status.pid = 7;
  status.uptime_seconds = 1.25;
  status.backend = BackendStatus{4, 42, 1000};
  status.wal = WalStatus{"park", 1, 2, 3, 4, 5, 6};
  status.standbys = {{"a", NodeState::streaming, {42, 41, 40}, 0.5},
                     {"b", NodeState::resyncing, {}, 0}};
  status.archive = ArchiveStatus{"/mnt/a", 41, 1, 900, 2.5, "no space"};
  status.warnings = {"one", "two"};
  return status;
}

Status standby() {
  Status status;
  status.node = "db2";
  status.role = NodeRole::standby;
  status.state = NodeState::catching_up;
  status.from = {"tcp://db1:7600"};
  status.progression = Progression{9, 8, 7};
  status.primary_seq = 12;
  status.lag_seconds = 2.5;
  status.lag_transactions = 5;
  status.archive = ArchiveStatus{"/mnt/b", {}, {}, {}, {}, ""};  // not reached yet
  status.last_error = "no \"answer\"\n";
  return status;
}

}  // namespace

TEST_CASE("a status comes back from its JSON") {
  CHECK(status_from_json(to_json(primary())) == primary());
  CHECK(status_from_json(to_json(standby(), 2)) == standby());
  Status bare;
  bare.role = NodeRole::standby;
  CHECK(status_from_json(to_json(bare)) == bare);
}

TEST_CASE("names that are not UTF-8 do not break the JSON") {
  auto status = primary();
  status.standbys[0].name = "\xff\xfe";
  CHECK(status_from_json(to_json(status)).has_value());
}

TEST_CASE("what is no status is refused as a value") {
  for (const auto* text : {"", "null", "[]", "{}", "{\"node\":1}", "\xff", "{\"node\":\"a\"}"}) {
    CHECK_FALSE(status_from_json(text).has_value());
  }
  const auto whole = to_json(primary());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK_FALSE(status_from_json(std::string_view(whole).substr(0, length)).has_value());
  }
  auto other_state = whole;
  other_state.replace(other_state.find("publishing"), 10, "performing");
  CHECK_FALSE(status_from_json(other_state).has_value());
}

TEST_CASE("levels are counted by role") {
  CHECK(primary().count_at(Level::received, 42) == 1);
  CHECK(primary().count_at(Level::durable, 42) == 0);
  CHECK(primary().count_at(Level::applied, 0) == 2);
  CHECK(standby().count_at(Level::durable, 8) == 1);
  CHECK(standby().count_at(Level::applied, 8) == 0);
}

TEST_CASE("healthy is: at work, and no guarantee weakened") {
  auto status = primary();
  CHECK_FALSE(status.is_healthy());
  status.warnings.clear();
  CHECK(status.is_healthy());
  status.state = NodeState::stalled;
  CHECK_FALSE(status.is_healthy());
}
