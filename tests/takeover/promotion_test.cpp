// What speaks against a promotion, one by one: that it is said, whether --force helps, what is
// lost.
#include "takeover/promotion.h"

#include <doctest/doctest.h>

namespace understudy::test {
namespace {

// Nothing speaks against this one.
PromotionFacts sound() {
  return {.has_state = true,
          .listens = true,
          .seqs = {100, 100, 100},
          .primary_seq = 100,
          .primary = "a",
          .ahead = {},
          .epoch = 1};
}

CommandObjection only(const PromotionFacts& facts) {
  const auto objections = object_to(facts);
  REQUIRE(objections.size() == 1);
  return objections.front();
}

bool says(const CommandObjection& objection, const char* words) {
  return objection.text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a standby that is caught up, with its primary gone, may be promoted") {
  CHECK(object_to(sound()).empty());
  auto never_heard = sound();
  never_heard.primary_seq.reset();
  CHECK(object_to(never_heard).empty());
}

TEST_CASE("being behind what the primary had is told in transactions, and can be forced") {
  auto facts = sound();
  facts.primary_seq = 103;
  const auto objection = only(facts);
  CHECK(objection.can_be_forced);
  CHECK(objection.at_stake == 3);
  CHECK(says(objection, "3 transactions"));
  facts.primary_seq = 101;
  CHECK(says(only(facts), "1 transaction of"));
}

TEST_CASE("records that are received and not applied yet are no loss: they are drained") {
  auto facts = sound();
  facts.seqs.applied = facts.seqs.durable = 42;
  CHECK(object_to(facts).empty());
}

TEST_CASE("a primary that answers is to be moved by switchover; force overrides") {
  auto facts = sound();
  facts.primary_answers = true;
  CHECK(only(facts).can_be_forced);
  CHECK(says(only(facts), "switchover"));
  facts.is_switchover = true;
  CHECK(object_to(facts).empty());
}

TEST_CASE("a standby that has more is named") {
  auto facts = sound();
  facts.ahead.push_back({"c", 1, 107});
  CHECK(says(only(facts), "c has more"));
  CHECK(only(facts).at_stake == 7);
}

TEST_CASE("one silent peer is the lost primary; another one may have more") {
  auto facts = sound();
  facts.silent = {{"a", "tcp://1:1"}};
  CHECK(object_to(facts).empty());
  facts.silent = {{"", "tcp://1:1"}};  // silent since before this process began: it may be a
  CHECK(object_to(facts).empty());
  facts.silent = {{"c", "tcp://2:2"}};
  CHECK(says(only(facts), "c (tcp://2:2) does not answer"));
  CHECK(only(facts).can_be_forced);
  facts.silent = {{"c", "tcp://2:2"}, {"a", "tcp://1:1"}};
  CHECK(says(only(facts), "c (tcp://2:2)"));
  facts.silent = {{"", "tcp://1:1"}, {"", "tcp://2:2"}};
  CHECK(says(only(facts), "the node at tcp://2:2"));
}

TEST_CASE("the last primary is back, empty: then who is silent is a standby") {
  auto facts = sound();
  facts.last_primary_is_there = true;
  facts.silent = {{"", "tcp://2:2"}};
  CHECK(says(only(facts), "the node at tcp://2:2 does not answer"));
}

TEST_CASE("what is not whole cannot be promoted, by force or switchover either") {
  auto facts = sound();
  facts.state = NodeState::resyncing;
  for (const bool switchover : {false, true}) {
    facts.is_switchover = switchover;
    CHECK_FALSE(only(facts).can_be_forced);
  }
  facts.state = NodeState::connecting;
  facts.has_state = false;
  CHECK_FALSE(only(facts).can_be_forced);
}

TEST_CASE("a node that nobody can reach is promoted by force only") {
  auto facts = sound();
  facts.listens = false;
  CHECK(only(facts).can_be_forced);
}

TEST_CASE("a primary is not promoted, except to end a fork") {
  auto facts = sound();
  facts.role = NodeRole::primary;
  CHECK_FALSE(only(facts).can_be_forced);
  facts.is_fork = true;
  CHECK(only(facts).can_be_forced);
  CHECK(says(only(facts), "opens epoch 2"));
}

}  // namespace understudy::test
