// LogChain. Method: draw a stream with epochs and with tails that were given up, cut it into logs
// at random, with overlaps and holes, join them in random order; what is joined must be the stream,
// record for record, or the hole must be named, exactly. Every other case one at a time.
#include "replay/log_chain.h"

#include "branching_log.h"
#include "common/backend/log_walk.h"
#include "common/core/errors.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace understudy {
namespace {

using test::Branch;
using test::BranchingLog;

// A source per call; names tell which log it was.
struct Sources {
  explicit Sources(BranchingLog& made) : toy(made) {}
  void add(const Branch& branch, Seq after, Seq until, bool has_open_tail = false,
           std::string name = {}) {
    if (name.empty()) name = "log" + std::to_string(logs.size());
    logs.push_back({std::move(name), toy.stream(), toy.log(branch, after, until, has_open_tail)});
  }
  LogChain join() {
    std::ranges::shuffle(logs, toy.random());
    return LogChain(std::move(logs));
  }
  BranchingLog& toy;
  std::vector<LogSource> logs;
};

// What the chain gives out of its selected run equals the branch.
void check_run(LogChain& chain, const Branch& truth) {
  const auto bounds = chain.bounds();
  REQUIRE(bounds.base == truth.position_at(bounds.base.seq));
  REQUIRE(bounds.last == truth.position_at(bounds.last.seq));
  PartKey expected{bounds.base.seq + 1, 0};
  const auto walked =
      walk_log(chain, bounds.base.seq, bounds.last.seq, [&](const RecordPart& part) {
        const auto& record = truth.records[part.header.seq - 1];
        REQUIRE(PartKey{part.header.seq, part.header.part} == expected);
        REQUIRE(part.header.sum_before == record.before.sum);
        REQUIRE(part.header.epoch == record.after.epoch);
        REQUIRE(part.header.last == (part.header.part + 1 == record.parts));
        if (part.header.last) REQUIRE(part.header.sum_after == record.after.sum);
        expected = part.header.last ? PartKey{expected.seq + 1, 0}
                                    : PartKey{expected.seq, expected.part + 1};
        return true;
      });
  REQUIRE(walked == LogWalk::complete);
  REQUIRE(expected == PartKey{bounds.last.seq + 1, 0});
  for (auto seq = bounds.base.seq; seq <= bounds.last.seq; ++seq) {
    REQUIRE(chain.position_at(seq) == truth.position_at(seq));
  }
  CHECK(!chain.position_at(bounds.last.seq + 1));
  CHECK(chain.read({bounds.last.seq + 1, 0}, 1 << 20).empty());
  CHECK(chain.read({bounds.base.seq, 0}, 1 << 20).empty());
  CHECK(chain.history().back().epoch == bounds.last.epoch);
}

// No read gives out a part that is not of the truth, whatever is asked for.
void check_reads(LogChain& chain, const Branch& truth) {
  const auto bounds = chain.bounds();
  for (auto seq = bounds.base.seq + 1; seq <= bounds.last.seq; ++seq) {
    Bytes raw;
    RecordPart part;
    for (const auto& blob : chain.read({seq, 0}, 2000)) {
      REQUIRE(BatchView::parse(blob)->unpack(raw));
      ByteView rest(raw);
      while (!rest.empty()) {
        REQUIRE(decode_part(rest, part));
        REQUIRE(part.header.seq <= bounds.last.seq);
        REQUIRE(part.header.sum_before == truth.records[part.header.seq - 1].before.sum);
      }
    }
  }
}

struct Drawn {
  Branch truth;
  std::vector<Branch> given_up;  // branches whose ends are not of the truth
};

// Epochs follow on; sometimes the old primary goes on for a while, sometimes it opens an epoch.
Drawn draw_stream(BranchingLog& toy) {
  Drawn drawn{toy.begin(), {}};
  toy.add_records(drawn.truth, 1 + toy.draw(30));
  const auto epochs = toy.draw(4);
  Epoch epoch = 1;
  for (std::size_t i = 0; i < epochs; ++i) {
    bool is_contested = false;
    if (toy.draw(2) == 0) {
      auto tail = drawn.truth;
      is_contested = toy.draw(3) == 0;
      if (is_contested) toy.open_epoch(tail, epoch + 1, "loser");
      toy.add_records(tail, 1 + toy.draw(10));
      drawn.given_up.push_back(std::move(tail));
    }
    // The highest epoch is opened once: else it is a fork, which other cases are about.
    epoch += is_contested && i + 1 == epochs ? 2 : 1 + toy.draw(2);
    toy.open_epoch(drawn.truth, epoch, "node" + std::to_string(epoch));
    toy.add_records(drawn.truth, toy.draw(20));
  }
  return drawn;
}

TEST_CASE("A stream cut at random, with overlaps and holes, is joined again, or the holes named") {
  std::size_t with_gaps = 0, with_superseded = 0;
  for (unsigned seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    BranchingLog toy(seed);
    const auto drawn = draw_stream(toy);
    const auto& truth = drawn.truth;
    const Seq end = truth.records.size();
    Sources sources(toy);
    std::vector<bool> covered(end + 1, false);
    const auto cover = [&](Seq after, Seq until) {
      for (auto seq = after + 1; seq <= until; ++seq) covered[seq] = true;
    };
    // The last record's log makes the truth's history the highest.
    const Seq newest = toy.draw(end);
    sources.add(truth, newest, end, toy.draw(3) == 0);
    cover(newest, end);
    for (auto count = toy.draw(6); count > 0; --count) {
      const Seq after = toy.draw(end);
      const Seq until = after + toy.draw(end - after + 1);
      sources.add(truth, after, until, toy.draw(3) == 0);
      cover(after, until);
    }
    std::vector<SupersededTail> expected;
    for (const auto& branch : drawn.given_up) {
      const auto shared = compare(truth.history, branch.history).common;
      const Seq after = toy.draw(branch.records.size());
      sources.add(branch, after, branch.records.size(), false, "given up");
      expected.push_back({"given up", shared, branch.last()});
      if (shared > after) cover(after, shared);
    }
    auto chain = sources.join();

    std::vector<std::pair<Seq, Seq>> holes;  // first and last missing
    bool any = false;
    for (Seq seq = 1; seq <= end; ++seq) {
      if (covered[seq]) {
        any = true;
      } else if (any) {
        if (holes.empty() || holes.back().second + 1 != seq) holes.emplace_back(seq, seq);
        holes.back().second = seq;
      }
    }
    REQUIRE(chain.gaps().size() == holes.size());
    for (std::size_t i = 0; i < holes.size(); ++i) {
      CHECK(chain.gaps()[i].after == truth.position_at(holes[i].first - 1));
      CHECK(chain.gaps()[i].next == holes[i].second + 1);
    }
    REQUIRE(chain.superseded().size() == expected.size());
    REQUIRE(chain.run_count() == holes.size() + 1);
    CHECK(chain.bounds().last == truth.last());
    for (std::size_t run = 0; run < chain.run_count(); ++run) {
      chain.select_run(run);
      check_run(chain, truth);
      check_reads(chain, truth);
    }
    with_gaps += holes.empty() ? 0 : 1;
    with_superseded += expected.empty() ? 0 : 1;
  }
  CHECK(with_gaps > 100);
  CHECK(with_superseded > 100);
}

TEST_CASE("select() finds the run that holds a state") {
  BranchingLog toy(7);
  auto truth = toy.begin();
  toy.add_records(truth, 100);
  Sources sources(toy);
  sources.add(truth, 10, 30);
  sources.add(truth, 40, 60);
  sources.add(truth, 60, 80);
  auto chain = sources.join();
  CHECK(chain.bounds().base.seq == 40);
  CHECK_FALSE(chain.select(9));
  CHECK_FALSE(chain.select(35));
  CHECK_FALSE(chain.select(81));
  CHECK(chain.bounds().base.seq == 40);
  CHECK(chain.select(30));
  CHECK(chain.bounds().last.seq == 30);
  CHECK(chain.select(60));
  CHECK(chain.bounds().last.seq == 80);
}

std::string refusal_of(Sources& sources) {
  try {
    const auto chain = sources.join();
  } catch (const ConfigError& error) {
    return error.what();
  }
  FAIL("the logs were joined");
  return {};
}

TEST_CASE("One epoch that two nodes opened is a fork: both branches are named") {
  BranchingLog toy(3);
  auto ours = toy.begin();
  toy.add_records(ours, 20);
  auto theirs = BranchingLog::cut(ours, 15);
  toy.open_epoch(ours, 2, "berlin");
  toy.open_epoch(theirs, 2, "lagos");
  toy.add_records(ours, 5);
  toy.add_records(theirs, 5);
  Sources sources(toy);
  sources.add(ours, 0, ours.records.size(), false, "/a/backend.db");
  sources.add(theirs, 0, theirs.records.size(), false, "/b/backend.db");
  const auto text = refusal_of(sources);
  CAPTURE(text);
  for (const auto* named :
       {"epoch 2", "berlin", "record 21", "/a/backend.db", "lagos", "record 16", "/b/backend.db"}) {
    CHECK(text.find(named) != std::string::npos);
  }
}

TEST_CASE("A higher epoch decides between two branches of a lower one") {
  BranchingLog toy(4);
  auto ours = toy.begin();
  toy.add_records(ours, 20);
  auto theirs = BranchingLog::cut(ours, 15);
  toy.open_epoch(ours, 2, "berlin");
  toy.open_epoch(theirs, 2, "lagos");
  toy.add_records(theirs, 9);
  toy.add_records(ours, 5);
  auto decided = ours;
  toy.open_epoch(decided, 3, "quito");
  Sources sources(toy);
  sources.add(decided, 22, decided.records.size());
  sources.add(ours, 10, ours.records.size());
  sources.add(theirs, 0, theirs.records.size(), false, "loser");
  auto chain = sources.join();
  REQUIRE(chain.superseded().size() == 1);
  CHECK(chain.superseded().front().shared == 15);
  CHECK(chain.superseded().front().last == theirs.last());
  CHECK(chain.gaps().empty());
  CHECK(chain.bounds().base.seq == 0);
  check_run(chain, decided);
}

TEST_CASE("One record with two sums in one epoch is refused, and the first such is named") {
  BranchingLog toy(5);
  auto ours = toy.begin();
  toy.add_records(ours, 40);
  auto theirs = BranchingLog::cut(ours, 23);  // the same tenure: a copy that was published anew
  toy.add_records(theirs, 10);
  Sources sources(toy);
  sources.add(ours, 0, 40, false, "left");
  sources.add(theirs, 3, 33, false, "right");
  const auto text = refusal_of(sources);
  CAPTURE(text);
  CHECK(text.find("record 24 leads to") != std::string::npos);
  CHECK(text.find("left") != std::string::npos);
  CHECK(text.find("right") != std::string::npos);
}

TEST_CASE("Logs without records") {
  BranchingLog toy(6);
  auto truth = toy.begin();
  toy.add_records(truth, 30);
  CHECK(LogChain(std::vector<LogSource>{}).is_empty());
  {
    Sources sources(toy);
    sources.add(truth, 30, 30);
    auto chain = sources.join();
    CHECK(chain.bounds().base == truth.last());
    CHECK(chain.bounds().last == truth.last());
  }
  Sources sources(toy);
  sources.add(truth, 20, 20);
  sources.add(truth, 0, 10);
  auto chain = sources.join();
  CHECK(chain.gaps().empty());
  CHECK(chain.bounds().last.seq == 10);
}

}  // namespace
}  // namespace understudy
