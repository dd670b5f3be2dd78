// Which connections are let stand: the bounds one by one, and a random crowd that never breaks
// them.
#include "common/security/admission.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace understudy;

namespace {

constexpr std::int64_t kSecond_us = 1'000'000;

AdmissionLimits small() {
  return {.connections = 8,
          .unproven = 4,
          .burst = 5,
          .per_second = 10,
          .stranger_burst = 20,
          .strangers_per_second = 10,
          .hosts = 16};
}

}  // namespace

TEST_CASE("the oldest handshake gives way, proven connections stay") {
  Admission admission(small());
  for (int i = 0; i < 4; ++i) {
    CHECK(admission.on_accepted(i, "h" + std::to_string(i), i).empty());
  }
  admission.on_proven(0);
  CHECK(admission.on_accepted(4, "h4", 4).empty());
  CHECK(admission.on_accepted(5, "h5", 5) == std::vector<int>{1});
  CHECK(admission.on_accepted(6, "h6", 6) == std::vector<int>{2});
  const auto ended = admission.on_ended(1, 7);
  REQUIRE(ended);
  CHECK(ended->was_turned_away);
  CHECK(ended->host == "h1");
  CHECK(ended->age_us == 6);
  CHECK_FALSE(admission.on_ended(1, 8));
}

TEST_CASE("when all are proven, the newest is turned away") {
  Admission admission(small());
  for (int i = 0; i < 8; ++i) {
    CHECK(admission.on_accepted(i, "h" + std::to_string(i), i).empty());
    admission.on_proven(i);
  }
  CHECK(admission.on_accepted(8, "h8", 8) == std::vector<int>{8});
  admission.on_ended(8, 9);
  admission.on_ended(0, 9);
  CHECK(admission.on_accepted(9, "h9", 10).empty());
}

TEST_CASE("a host has its own rate, and strangers one together") {
  Admission admission(small());
  int turned_away = 0;
  for (int i = 0; i < 20; ++i) {
    turned_away += admission.on_accepted(i, "flood", 0) == std::vector<int>{i} ? 1 : 0;
    admission.on_ended(i, 0);
  }
  CHECK(turned_away == 15);
  // Others are not told by it that they come too often.
  CHECK(admission.on_accepted(100, "other", 0).empty());
  admission.on_ended(100, 0);

  int strangers = 0;
  for (int i = 0; i < 100; ++i) {
    strangers += admission.on_accepted(i, "s" + std::to_string(i), 1).empty() ? 1 : 0;
    admission.on_ended(i, 1);
  }
  CHECK(strangers == 14);  // of 20, six were used up before
  // A host that somebody was let in from is none.
  admission.on_host_known("friend", 2);
  CHECK(admission.on_accepted(1, "friend", 2).empty());
  admission.on_ended(1, 2);
  CHECK(admission.on_accepted(2, "stranger", kSecond_us).empty());
}

TEST_CASE("a crowd of connections never breaks a bound, and a friend is never kept out for long") {
  std::mt19937 random(7);
  Admission admission(small());
  admission.on_host_known("friend", 0);
  std::set<int> standing;
  std::int64_t now_us = 0, friend_waits_since_us = -1, longest_wait_us = 0;
  int next = 0;
  for (int step = 0; step < 200'000; ++step) {
    now_us += random() % 2000;
    if (random() % 3 == 0 && !standing.empty()) {
      auto some = standing.begin();
      std::advance(some, random() % standing.size());
      admission.on_ended(*some, now_us);
      standing.erase(some);
      continue;
    }
    const bool is_friend = random() % 200 == 0;
    const int made = next++;
    const auto host = is_friend ? "friend" : "h" + std::to_string(random() % 1000);
    standing.insert(made);
    for (const int each : admission.on_accepted(made, host, now_us)) {
      admission.on_ended(each, now_us);
      standing.erase(each);
    }
    if (is_friend && !standing.contains(made) && friend_waits_since_us < 0) {
      friend_waits_since_us = now_us;
    }
    if (is_friend && standing.contains(made)) {
      if (friend_waits_since_us >= 0) {
        longest_wait_us = std::max(longest_wait_us, now_us - friend_waits_since_us);
      }
      friend_waits_since_us = -1;
    }
    REQUIRE(standing.size() <= 8);
    REQUIRE(admission.size() == standing.size());
  }
  CHECK(longest_wait_us < 2 * kSecond_us);
}
