// Which state a number or a time means, which snapshot leads to it, and what is said when none
// does.
#include "branching_log.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "replay/restore_plan.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

using test::Branch;
using test::BranchingLog;

// Records 11 … 40 and 51 … 90 of a stream; snapshots at 10, 30, 45 and 60.
struct Stage {
  Stage() {
    toy.add_records(truth, 90);
    std::vector<LogSource> logs;
    logs.push_back({"old", toy.stream(), toy.log(truth, 10, 40, false)});
    logs.push_back({"new", toy.stream(), toy.log(truth, 50, 90, false)});
    chain.emplace(std::move(logs));
    for (const Seq seq : {10, 30, 45, 60}) snapshots.push_back(snapshot(truth, seq));
  }
  [[nodiscard]] SnapshotEntry snapshot(const Branch& branch, Seq seq) const {
    SnapshotEntry entry{"snapshot" + std::to_string(seq), {}, {}, 1};
    entry.footer.position = branch.position_at(seq);
    entry.footer.first_as_of = seq;
    entry.footer.time_us = branch.records[seq - 1].time_us;
    entry.footer.history = up_to(branch.history, entry.footer.position).value();
    return entry;
  }
  [[nodiscard]] std::int64_t time_of(Seq seq) const { return truth.records[seq - 1].time_us; }
  RestorePlan plan(const Target& target) { return plan_restore(*chain, snapshots, target); }
  std::string refusal(const Target& target) {
    try {
      (void)plan(target);
    } catch (const ConfigError& error) {
      return error.what();
    }
    FAIL("a plan was made");
    return {};
  }

  BranchingLog toy{21};
  Branch truth = toy.begin();
  std::optional<LogChain> chain;
  std::vector<SnapshotEntry> snapshots;
};

void check_from(const RestorePlan& plan, std::vector<Seq> expected) {
  std::vector<Seq> found;
  for (const auto& each : plan.from) found.push_back(each.footer.position.seq);
  CHECK(found == expected);
}

bool says(const std::string& text, std::string_view words) {
  CAPTURE(text);
  return text.find(words) != std::string::npos;
}

TEST_CASE(
    "By number: the nearest snapshot first, and those before it from which the log leads on") {
  Stage stage;
  check_from(stage.plan({90, {}}), {60});
  check_from(stage.plan({60, {}}), {60});
  check_from(stage.plan({40, {}}), {30, 10});
  check_from(stage.plan({45, {}}), {45});  // no record, but a snapshot of that very state
  check_from(stage.plan({10, {}}), {10});
  const auto plan = stage.plan({35, {}});
  check_from(plan, {30, 10});
  CHECK(plan.target.time_us == stage.time_of(35));
  CHECK(stage.chain->bounds().last.seq == 40);  // the run that the plan needs
}

TEST_CASE("By number: what is not covered is refused, and what is covered is listed") {
  Stage stage;
  CHECK(says(stage.refusal({91, {}}), "there is no record 91"));
  CHECK(says(stage.refusal({91, {}}), "records 51 to 90"));
  CHECK(says(stage.refusal({46, {}}), "there is no record 46"));
  CHECK(says(stage.refusal({9, {}}), "there is no record 9"));
  CHECK(says(stage.refusal({55, {}}), "records are missing"));  // only 60 is behind the hole
  stage.snapshots.erase(stage.snapshots.begin());
  CHECK(says(stage.refusal({20, {}}), "before the oldest snapshot"));
  stage.snapshots.clear();
  CHECK(says(stage.refusal({20, {}}), "there is no snapshot to begin from"));
}

TEST_CASE("By time: the last record committed by then") {
  Stage stage;
  for (const Seq seq : {11, 30, 39, 61, 89}) {
    CHECK(stage.plan({{}, stage.time_of(seq)}).target.seq == seq);
    CHECK_FALSE(stage.plan({{}, stage.time_of(seq)}).target.is_newest);
  }
  CHECK(stage.plan({{}, stage.time_of(12) - 1}).target.seq == 11);
  CHECK(stage.plan({{}, stage.time_of(11) - 1}).target.seq == 10);  // the snapshot's state
  const auto plan = stage.plan({{}, stage.time_of(90) + 1'000'000});
  CHECK(plan.target.seq == 90);
  CHECK(plan.target.is_newest);
}

TEST_CASE("By time: a hole, and what was before all") {
  Stage stage;
  const auto hole = stage.refusal({{}, stage.time_of(47)});
  CHECK(says(hole, "records 41 to 50 are missing"));
  const auto before = stage.time_of(10) - 1;
  const auto early = stage.refusal({{}, before});
  CHECK(says(early, "is before what the sources have"));
  CHECK(says(early, utc_text(before)));
}

TEST_CASE("The newest state, of the log or of a snapshot behind it") {
  Stage stage;
  CHECK(stage.plan({}).target.seq == 90);
  stage.chain.emplace(std::vector<LogSource>{});
  CHECK(stage.plan({}).target.seq == 60);
  CHECK(stage.plan({{}, stage.time_of(59)}).target.seq == 45);
  CHECK(says(stage.refusal({59, {}}), "there is no record 59"));
}

TEST_CASE("A snapshot of a branch that was given up does not count") {
  Stage stage;
  auto lost = BranchingLog::cut(stage.truth, 70);
  stage.toy.add_records(lost, 10);
  stage.snapshots.push_back(stage.snapshot(lost, 75));
  check_from(stage.plan({80, {}}), {60});
}

}  // namespace
}  // namespace understudy
