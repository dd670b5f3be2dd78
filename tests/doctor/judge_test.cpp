// What the doctor makes of facts: which mark each case gets, and that what is not well has advice.
#include "doctor/judge.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace understudy::doctor {
namespace {

Mark worst(const Findings& findings) {
  Mark mark = Mark::ok;
  for (const auto& finding : findings) {
    CHECK(!finding.text.empty());
    if (finding.mark != Mark::ok) CHECK_MESSAGE(!finding.advice.empty(), finding.text);
    mark = std::max(mark, finding.mark);
  }
  return mark;
}

DatabaseFacts healthy_database() {
  DatabaseFacts facts{.path = "/d/app.db", .unreadable = {}};
  facts.exists = facts.is_sqlite = facts.is_wal = facts.has_index = true;
  facts.page_size = 4096;
  facts.writer_version = facts.own_version = 3'053'000;
  facts.wal_bytes = 4 << 20;
  facts.wal_limit_bytes = 1 << 30;
  facts.frames = 1000;
  facts.backfilled = 900;
  return facts;
}

DiskFacts healthy_disk() {
  DiskFacts facts{
      .what = "the state directory", .folder = "/d", .network_name = {}, .sync_ms = 0.3};
  facts.exists = facts.may_write = true;
  facts.free_bytes = facts.total_bytes = std::uint64_t{10} << 30;
  facts.free_inodes = facts.total_inodes = 1'000'000;
  facts.wanted_bytes = std::uint64_t{1} << 30;
  return facts;
}

TEST_CASE("has_wal_reset_bug: from 3.7.0 to 3.51.2") {
  CHECK(!has_wal_reset_bug(3'006'023));
  CHECK(has_wal_reset_bug(3'007'000));
  CHECK(has_wal_reset_bug(3'040'001));
  CHECK(has_wal_reset_bug(3'051'002));
  CHECK(!has_wal_reset_bug(3'051'003));
}

TEST_CASE("judge(DatabaseFacts)") {
  CHECK(worst(judge(healthy_database())) == Mark::ok);
  CHECK(worst(judge_wal(healthy_database())) == Mark::ok);
  const auto with = [](auto change) {
    auto facts = healthy_database();
    change(facts);
    return facts;
  };
  using F = DatabaseFacts;
  CHECK(worst(judge(with([](F& f) { f.exists = false; }))) == Mark::problem);
  CHECK(worst(judge(with([](F& f) { f.exists = false, f.role = NodeRole::standby; }))) == Mark::ok);
  CHECK(worst(judge(with([](F& f) { f.unreadable = "Permission denied"; }))) == Mark::problem);
  CHECK(worst(judge(with([](F& f) { f.is_sqlite = false; }))) == Mark::problem);
  CHECK(worst(judge(with([](F& f) { f.is_wal = false; }))) == Mark::problem);
  CHECK(judge_wal(with([](F& f) { f.is_wal = false; })).empty());
  CHECK(worst(judge(with([](F& f) { f.writer_version = 3'040'001; }))) == Mark::note);
  CHECK(worst(judge(with([](F& f) { f.exclusive_holder = 17; }))) == Mark::problem);
}

TEST_CASE("judge_wal: size, writers and readers that stay") {
  auto facts = healthy_database();
  facts.wal_bytes = std::uint64_t{2} << 30;
  CHECK(worst(judge_wal(facts)) == Mark::warning);
  facts = healthy_database();
  facts.frames = 100'000;
  CHECK(worst(judge_wal(facts)) == Mark::note);  // nobody follows it
  facts.node_pid = 5;
  CHECK(worst(judge_wal(facts)) == Mark::ok);
  facts.writer = HeldLock{5, 0};  // a standby's own
  CHECK(worst(judge_wal(facts)) == Mark::ok);
  facts.writer = HeldLock{6, 0};
  CHECK(worst(judge_wal(facts)) == Mark::warning);
  facts.writer.reset();
  facts.readers = {{7, 10}};
  CHECK(worst(judge_wal(facts)) == Mark::warning);
}

TEST_CASE("judge(DiskFacts)") {
  CHECK(worst(judge(healthy_disk())) == Mark::ok);
  const auto with = [](auto change) {
    auto facts = healthy_disk();
    change(facts);
    return worst(judge(facts));
  };
  using F = DiskFacts;
  CHECK(with([](F& f) { f.exists = false; }) == Mark::problem);
  CHECK(with([](F& f) { f.network_name = "NFS"; }) == Mark::problem);
  CHECK(with([](F& f) { f.network_name = "NFS", f.holds_database = false; }) == Mark::ok);
  CHECK(with([](F& f) { f.is_read_only = true; }) == Mark::problem);
  CHECK(with([](F& f) { f.may_write = false; }) == Mark::problem);
  CHECK(with([](F& f) { f.is_memory = true; }) == Mark::warning);
  CHECK(with([](F& f) { f.free_bytes = f.wanted_bytes - 1; }) == Mark::warning);
  CHECK(with([](F& f) { f.free_bytes = f.wanted_bytes / 8 - 1; }) == Mark::problem);
  CHECK(with([](F& f) { f.free_inodes = 3; }) == Mark::problem);
  CHECK(with([](F& f) { f.free_inodes = f.total_inodes = 0; }) == Mark::ok);  // btrfs
  CHECK(with([](F& f) { f.sync_ms = 200; }) == Mark::warning);
  CHECK(with([](F& f) { f.sync_ms.reset(); }) == Mark::ok);
}

TEST_CASE("judge(FileFacts): secrets are for their owner alone") {
  FileFacts facts{.option = "key-file", .path = "/k"};
  CHECK(worst(judge(facts)) == Mark::problem);
  facts.exists = true;
  CHECK(worst(judge(facts)) == Mark::problem);
  facts.may_read = true;
  facts.mode = 0644;
  CHECK(worst(judge(facts)) == Mark::ok);
  facts.is_secret = true;
  CHECK(worst(judge(facts)) == Mark::problem);
  facts.mode = 0640;
  CHECK(worst(judge(facts)) == Mark::problem);
  facts.mode = 0600;
  CHECK(worst(judge(facts)) == Mark::ok);
}

TEST_CASE("judge(MachineFacts)") {
  CHECK(worst(judge(MachineFacts{4, 65536, true})) == Mark::ok);
  CHECK(worst(judge(MachineFacts{4, 65536, std::nullopt})) == Mark::ok);
  CHECK(worst(judge(MachineFacts{4, 65536, false})) == Mark::warning);
  CHECK(worst(judge(MachineFacts{1, 65536, true})) == Mark::note);
  CHECK(worst(judge(MachineFacts{4, 256, true})) == Mark::warning);
}

TEST_CASE("judge(NetworkFacts): what became of the handshakes, and the clocks") {
  const auto with = [](Handshake live, Handshake requests, std::optional<std::int64_t> ahead_us) {
    NetworkFacts facts;
    facts.own_key = "OWNKEY";
    facts.peers.push_back(
        {Endpoint::parse("tcp://127.0.0.1:7600"), "", "", PeerTrial{live, requests, ahead_us}});
    return judge(facts);
  };
  const auto both = [&](Handshake outcome) { return with(outcome, outcome, std::nullopt); };
  using H = Handshake;
  CHECK(worst(both(H::let_in)) == Mark::ok);
  for (const auto wrong :
       {H::unlisted, H::refuses_key, H::ends_it, H::demands_keys, H::has_no_keys, H::other_words}) {
    CHECK(worst(both(wrong)) == Mark::problem);
  }
  CHECK(worst(both(H::no_answer)) == Mark::warning);
  CHECK(both(H::refuses_key).back().advice.find("OWNKEY") != std::string::npos);
  CHECK(worst(with(H::refuses_key, H::let_in, std::nullopt)) == Mark::warning);  // no follow
  CHECK(worst(with(H::let_in, H::let_in, 20'000)) == Mark::ok);
  CHECK(worst(with(H::let_in, H::let_in, 90'000'000)) == Mark::warning);
  const auto behind = with(H::let_in, H::let_in, -90'000'000);
  CHECK(worst(behind) == Mark::warning);
  CHECK(behind.back().text.find("90.0 s behind") != std::string::npos);
  NetworkFacts facts;
  facts.keys_trouble = "no such file";
  CHECK(worst(judge(facts)) == Mark::problem);
}

TEST_CASE("judge(NodeFacts)") {
  NodeFacts facts;
  CHECK(worst(judge(facts)) == Mark::note);  // none runs
  facts.state_trouble = "damaged";
  CHECK(worst(judge(facts)) == Mark::problem);
  facts = {};
  facts.other_database = "/other.db";
  CHECK(worst(judge(facts)) == Mark::problem);
  facts = {};
  facts.unanswered = "permission denied";
  CHECK(worst(judge(facts)) == Mark::problem);
  facts = {};
  facts.status.emplace();
  facts.status->state = NodeState::publishing;
  CHECK(worst(judge(facts)) == Mark::note);  // no standby
  facts.status->standbys.emplace_back();
  CHECK(worst(judge(facts)) == Mark::ok);
  facts.asker = facts.runs_as + 1;
  CHECK(worst(judge(facts)) == Mark::note);
  facts.asker = facts.runs_as;
  facts.status->warnings = {"commits do not wait"};
  CHECK(worst(judge(facts)) == Mark::warning);
  facts.status->last_error = "disk full";
  CHECK(worst(judge(facts)) == Mark::problem);
}

TEST_CASE("judge(NetworkFacts)") {
  NetworkFacts facts;
  CHECK(judge(facts).empty());
  facts.listen = Endpoint{"127.0.0.1", 7600};
  facts.ports = {{7600, false, false}, {7601, true, true}};
  CHECK(worst(judge(facts)) == Mark::ok);
  facts.ports[0].is_taken = true;
  CHECK(worst(judge(facts)) == Mark::problem);
  facts.ports.clear();
  facts.peers = {{Endpoint{"db2", 7600}, {}, {}}};
  CHECK(worst(judge(facts)) == Mark::ok);
  facts.peers[0].live_error = "Connection refused";
  CHECK(worst(judge(facts)) == Mark::problem);  // a firewall that knows of one port
  facts.peers[0].requests_error = "Connection refused";
  CHECK(worst(judge(facts)) == Mark::warning);
}

}  // namespace
}  // namespace understudy::doctor
