// Whose confirmations count: at every moment, whichever set stands in the store, each of its
// members has all that was acknowledged.
#include "publisher/sync_set.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace understudy::test {
namespace {

using Heard = std::vector<std::pair<std::string, Seq>>;
constexpr std::int64_t kStep_us = 100'000;

}  // namespace

TEST_CASE("nothing counts until the set is on record") {
  SyncSet set("a", 1, {});
  set.begin(10);
  const Heard heard{{"b", 20}, {"c", 15}};
  CHECK(set.acknowledge(heard, 20, kStep_us) == 0);
  CHECK(set.wish() == SyncRecord{1, {"b"}, false});
  CHECK(set.acknowledge(heard, 20, 2 * kStep_us) == 0);
  set.on_recorded({1, {"b"}, false});
  CHECK(set.acknowledge(heard, 20, 3 * kStep_us) == 20);
}

TEST_CASE("who has not all that may have been acknowledged is not proposed") {
  SyncSet set("a", 1, {});
  set.begin(100);
  CHECK(set.acknowledge({{"b", 99}}, 100, kStep_us) == 0);
  CHECK(set.wish().members.empty());
  (void)set.acknowledge({{"b", 100}}, 100, 2 * kStep_us);
  CHECK(set.wish().members == std::vector<std::string>{"b"});
}

TEST_CASE("all of the set must have it, not any of them") {
  SyncSet set("a", 2, SyncRecord{2, {"b", "c"}, false});
  set.begin(0);
  set.on_recorded({2, {"b", "c"}, false});
  CHECK(set.acknowledge({{"b", 9}, {"c", 4}}, 9, kStep_us) == 4);
}

TEST_CASE("an inherited set that names this node is one short") {
  SyncSet set("b", 1, SyncRecord{1, {"b"}, false});
  set.begin(5);
  set.on_recorded({1, {"b"}, false});
  CHECK(set.acknowledge({{"c", 3}}, 9, kStep_us) == 0);
  CHECK(set.wish().members == std::vector<std::string>{"b"});
  CHECK(set.acknowledge({{"c", 7}}, 9, 2 * kStep_us) == 0);
  CHECK(set.wish().members == std::vector<std::string>{"c"});
  set.on_recorded(set.wish());
  CHECK(set.acknowledge({{"c", 7}}, 9, 3 * kStep_us) == 7);
}

TEST_CASE("while another set is proposed, both must have it; the proposal stays") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.on_recorded({1, {"b"}, false});
  CHECK(set.acknowledge({{"b", 10}, {"c", 10}}, 10, kStep_us) == 10);
  // b is silent from here on.
  CHECK(set.acknowledge({{"c", 12}}, 12, 2 * kStep_us) == 10);
  CHECK(set.wish().members == std::vector<std::string>{"c"});
  CHECK(set.acknowledge({{"b", 50}, {"c", 12}}, 50, 3 * kStep_us) == 12);
  CHECK(set.wish().members == std::vector<std::string>{"c"});
  set.on_recorded({1, {"c"}, false});
  CHECK(set.acknowledge({{"b", 50}, {"c", 13}}, 50, 4 * kStep_us) == 13);
}

TEST_CASE("a slow one is replaced after a while, by one that is ahead") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.on_recorded({1, {"b"}, false});
  for (std::int64_t i = 1; i <= 3; ++i)
    (void)set.acknowledge({{"b", 5}, {"c", 9}}, 9, i * kStep_us);
  CHECK(set.wish().members == std::vector<std::string>{"b"});
  for (std::int64_t i = 4; i <= 6; ++i)
    (void)set.acknowledge({{"b", 5}, {"c", 9}}, 9, i * kStep_us);
  CHECK(set.wish().members == std::vector<std::string>{"c"});
}

TEST_CASE("degraded only while that is on record") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.want_degraded(true);
  CHECK(set.wish().is_degraded);
  CHECK(!set.is_degraded_on_record());
  set.on_recorded(set.wish());
  CHECK(set.is_degraded_on_record());
}

TEST_CASE("from when degraded may stand there until commits go on alone, nothing is acknowledged") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.on_recorded({1, {"b"}, false});
  CHECK(set.acknowledge({{"b", 10}}, 10, kStep_us) == 10);
  set.want_degraded(true);
  const auto wished = set.wish();
  CHECK(wished == SyncRecord{1, {"b"}, true, 10});
  // b is back before that is on record, and the wish is withdrawn: it may stand there all the same.
  set.want_degraded(false);
  CHECK(set.acknowledge({{"b", 20}}, 20, 2 * kStep_us) == 10);
  set.on_recorded(wished);
  CHECK(set.acknowledge({{"b", 20}}, 20, 3 * kStep_us) == 10);
  CHECK(set.wish() == SyncRecord{1, {"b"}, false, 10});
  set.on_recorded(set.wish());
  CHECK(set.acknowledge({{"b", 20}}, 20, 4 * kStep_us) == 20);
}

TEST_CASE("a record that was overtaken by a wish does not free what is acknowledged") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.want_degraded(true);
  const auto wished = set.wish();  // on its way
  set.want_degraded(false);
  set.on_recorded({1, {"b"}, false});  // one that was asked for before
  CHECK(set.acknowledge({{"b", 20}}, 20, kStep_us) == 0);
  CHECK(wished.is_degraded);
}

TEST_CASE("a wish that nobody was told is withdrawn without a trace") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.on_recorded(set.wish());
  set.want_degraded(true);
  set.want_degraded(false);
  CHECK(set.acknowledge({{"b", 20}}, 20, kStep_us) == 20);
}

TEST_CASE("what is confirmed while commits go on alone was promised to nobody") {
  SyncSet set("a", 1, SyncRecord{1, {"b"}, false});
  set.begin(0);
  set.on_recorded(set.wish());
  CHECK(set.acknowledge({{"b", 10}}, 10, kStep_us) == 10);
  set.want_degraded(true);
  set.on_recorded(set.wish());
  set.go_alone(true);
  CHECK(set.acknowledge({{"b", 30}}, 30, 2 * kStep_us) == 30);
  CHECK(set.wish().acknowledged == 10);
  set.want_degraded(false);
  set.on_recorded(set.wish());
  set.go_alone(false);
  CHECK(set.wish().acknowledged == 30);  // all members have it, and commits up to it return now
}

TEST_CASE("a tenure that began degraded knows what was promised; another takes all that it has") {
  SyncSet degraded("a", 1, SyncRecord{1, {"b"}, true, 400});
  degraded.begin(1000);
  degraded.want_degraded(true);
  CHECK(degraded.wish().acknowledged == 400);
  SyncSet waiting("a", 1, SyncRecord{1, {"b"}, false, 400});
  waiting.begin(1000);
  CHECK(waiting.wish().acknowledged == 400);  // of members: no more is known
  waiting.want_degraded(true);
  CHECK(waiting.wish().acknowledged == 1000);  // of others: it may have been all
}

TEST_CASE("who would not take over is taken last, and replaced") {
  SyncSet set("a", 1, {});
  set.begin(0);
  set.avoid({"b"});
  (void)set.acknowledge({{"b", 9}, {"c", 5}}, 9, kStep_us);
  CHECK(set.wish().members == std::vector<std::string>{"c"});
  SyncSet other("a", 1, SyncRecord{1, {"b"}, false});
  other.begin(0);
  other.on_recorded(other.wish());
  CHECK(other.acknowledge({{"b", 9}, {"c", 9}}, 9, kStep_us) == 9);
  other.avoid({"b"});
  (void)other.acknowledge({{"b", 9}, {"c", 9}}, 9, 2 * kStep_us);
  CHECK(other.wish().members == std::vector<std::string>{"c"});
  other.on_recorded(other.wish());
  (void)other.acknowledge({{"b", 12}, {"c", 9}}, 12, 3 * kStep_us);
  CHECK(other.wish().members == std::vector<std::string>{"c"});
}

// Random standbys, silences, and records that come late or not at all; tenures that end and begin.
TEST_CASE("whoever is in a set that may be on record has all that was acknowledged") {
  std::mt19937_64 chance(7);
  std::uint64_t changes = 0, acknowledged_most = 0;
  for (int run = 0; run < 300; ++run) {
    const std::size_t count = 1 + chance() % 2;
    std::map<std::string, Seq> has{{"b", 0}, {"c", 0}, {"d", 0}};
    std::vector<std::string> on_record;
    std::int64_t now_us = 0;
    Seq durable = 0, acknowledged = 0;
    for (int tenure = 0; tenure < 3; ++tenure) {
      SyncSet set("a", count, SyncRecord{count, on_record, false});
      set.begin(durable);
      for (int step = 0; step < 200; ++step) {
        now_us += static_cast<std::int64_t>(chance() % 150'000);
        durable += chance() % 3;
        Heard heard;
        for (auto& [name, seq] : has) {
          seq = std::min<Seq>(durable, seq + chance() % 5);
          if (chance() % 8 != 0) heard.emplace_back(name, seq);
        }
        acknowledged = std::max(acknowledged, set.acknowledge(heard, durable, now_us));
        const auto wish = set.wish();
        // What was asked to stand there may stand there, whether the answer comes or not.
        const bool happens = chance() % 3 == 0;
        if (happens) changes += wish.members != on_record ? 1 : 0, on_record = wish.members;
        if (happens && chance() % 2 == 0) set.on_recorded(wish);
        for (const auto& name : on_record) {
          if (name != "a") REQUIRE(has.at(name) >= acknowledged);
        }
      }
    }
    acknowledged_most = std::max(acknowledged_most, acknowledged);
  }
  CHECK(changes > 300);
  CHECK(acknowledged_most > 100);
}

}  // namespace understudy::test
