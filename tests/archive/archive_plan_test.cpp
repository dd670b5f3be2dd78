// What names alone tell: over random branches, cuts and holes, held against a plain model.
#include "common/archive/archive_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <random>

namespace understudy::test {
namespace {

// Branch 0 goes from 0 to its end; each other one leaves an earlier one somewhere.
struct Tree {
  struct Branch {
    std::size_t parent = 0;
    Seq from = 0;  // the last record that it shares with its parent
    Seq until = 0;
  };
  std::vector<Branch> branches;

  // The branch that wrote record `seq` of the line that `branch` is the end of.
  [[nodiscard]] std::size_t owner(std::size_t branch, Seq seq) const {
    while (branch != 0 && seq <= branches[branch].from) branch = branches[branch].parent;
    return branch;
  }
  [[nodiscard]] LogMark mark(std::size_t branch, Seq seq) const {
    return 1'000'000 * (owner(branch, seq) + 1) + seq;
  }
};

Tree grow(std::mt19937& random) {
  Tree tree;
  tree.branches.push_back({0, 0, 20 + random() % 60});
  for (auto more = random() % 3; more > 0; --more) {
    const auto parent = random() % tree.branches.size();
    const auto from = random() % (tree.branches[parent].until + 1);
    tree.branches.push_back({parent, from, from + 1 + random() % 40});
  }
  return tree;
}

SegmentName segment(const Tree& tree, std::size_t branch, Seq first, Seq last) {
  return {first, last, 1, tree.mark(branch, first - 1), tree.mark(branch, last)};
}

std::vector<SegmentName> draw_segments(const Tree& tree, std::mt19937& random) {
  std::vector<SegmentName> names;
  for (auto writers = 1 + random() % 4; writers > 0; --writers) {
    const auto branch = random() % tree.branches.size();
    Seq at = random() % 10;
    while (at < tree.branches[branch].until) {
      const auto last = std::min<Seq>(tree.branches[branch].until, at + 1 + random() % 12);
      if (random() % 8 != 0) names.push_back(segment(tree, branch, at + 1, last));
      at = last;
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

TEST_CASE("what segments cover of a log: never more than is there, and all of it") {
  std::mt19937 random(4711);
  for (int round = 0; round < 3000; ++round) {
    const auto tree = grow(random);
    const auto names = draw_segments(tree, random);
    const auto branch = random() % tree.branches.size();
    const auto end = tree.branches[branch].until;
    const Seq from = random() % (end + 1);
    const auto mark_at = [&](Seq seq) {
      return seq <= end ? std::optional(tree.mark(branch, seq)) : std::nullopt;
    };
    const auto covered = covered_until(names, from, mark_at);
    // The model: record by record, is there a segment of this line that holds it?
    const auto is_there = [&](Seq seq) {
      return std::ranges::any_of(names, [&](const SegmentName& each) {
        return each.first <= seq && seq <= each.last && each.last <= end &&
               each.after == tree.mark(branch, each.last);
      });
    };
    Seq expected = from;
    while (is_there(expected + 1)) ++expected;
    CAPTURE(round);
    REQUIRE(covered == expected);
  }
  std::printf("understudy-count: archives looked over=3000\n");
}

TEST_CASE("runs: each segment in one of them, each follows on") {
  std::mt19937 random(42);
  for (int round = 0; round < 3000; ++round) {
    const auto tree = grow(random);
    const auto names = draw_segments(tree, random);
    const auto runs = join_segments(names);
    std::vector<SegmentName> all;
    for (const auto& run : runs) {
      for (std::size_t i = 1; i < run.size(); ++i) {
        REQUIRE(run[i].before == run[i - 1].after);
        REQUIRE(run[i].first == run[i - 1].last + 1);
      }
      all.insert(all.end(), run.begin(), run.end());
    }
    std::ranges::sort(all);
    REQUIRE(all == names);
  }
}

TEST_CASE("a segment is due by size or time; who is not alone waits longer") {
  constexpr std::int64_t kLimit_us = 1000;
  ArchivePatience patience(kLimit_us);
  CHECK_FALSE(patience.is_due({0, 10 * kLimit_us}));
  CHECK_FALSE(patience.is_due({1, kLimit_us - 1}));
  CHECK(patience.is_due({1, kLimit_us}));
  CHECK(patience.is_due({kSegmentBytes, 0}));
  patience.note_others_segment();
  CHECK_FALSE(patience.is_due({kSegmentBytes, 0}));
  CHECK_FALSE(patience.is_due({1, kLimit_us}));
  CHECK(patience.is_due({1, 3 * kLimit_us}));
  CHECK(patience.is_due({3 * kSegmentBytes, 0}));
  patience.note_own_segment();
  CHECK(patience.is_due({1, kLimit_us}));
}

}  // namespace understudy::test
