// Which part of the WAL is shown as replicated, when standbys acknowledge: never more than enough
// of them have, in whatever order notes, fsyncs and acknowledgements come.
#include "publisher/sync_commits.h"

#include "common/commit_page/page_view.h"
#include "common/core/clock.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <random>

using namespace understudy;

namespace {

constexpr std::uint64_t kTenure = 77;

// A log without records: sessions look into it when a standby says Hello.
class EmptyLog : public LogReader {
 public:
  LogBounds bounds() override { return {}; }
  std::vector<Bytes> read(PartKey, std::size_t) override { return {}; }
  std::optional<Position> position_at(Seq) override { return std::nullopt; }
  History history() override { return {}; }
};

wal::Cursor cursor_at(wal::FrameNo frame, std::uint8_t generation = 1) {
  wal::Cursor cursor;
  cursor.salts.bytes.fill(static_cast<std::byte>(generation));
  cursor.frame = frame;
  return cursor;
}

std::uint64_t salts_of(std::uint8_t generation) {
  return generation * 0x0101010101010101ULL;
}

// SyncCommits, standbys that speak to it, and an application that reads the page.
class Stage {
 public:
  explicit Stage(SyncOptions options) : commits(page_path(), options, kTenure) {
    served_.bounds.emplace();
    served_.bounds->last = {1, 1000000, 0};
    REQUIRE(view_.open_page(page_path().c_str()));
  }

  void acknowledge(std::string_view connection, const std::string& name, Seq durable,
                   Seq applied = 0) {
    const auto* bytes = reinterpret_cast<const std::byte*>(connection.data());
    const Bytes identity(bytes, bytes + connection.size());
    auto* session = peers_.find(identity);
    if (session == nullptr) {
      session = peers_.add(identity, now_us);
      session->on_message(
          message::Hello{
              .hello_id = 1, .node = name, .stream = {}, .position = std::nullopt, .history = {}},
          now_us);
    }
    session->on_message(message::Ack{durable, durable, applied, StandbyState::streaming}, now_us);
    tick();
  }
  void tick() { commits.on_progress(peers_, now_us); }

  commit_page::State state() {
    commit_page::State found{};
    REQUIRE(view_.read(found));
    return found;
  }
  std::uint32_t signal(commit_page::Signal which) const { return view_.signal(which); }
  bool is_replicated(wal::FrameNo frame, std::uint8_t generation = 1) {
    const auto found = state();
    return commit_page::covers(found.replicated,
                               commit_page::generation_of(found, salts_of(generation)), frame);
  }

  std::int64_t now_us = monotonic_time_us();

 private:
  [[nodiscard]] std::string page_path() const { return folder_.file("commit-page"); }
  test::TemporaryDirectory folder_;
  EmptyLog log_;
  ServedLog served_{
      .node = "primary", .stream = {}, .is_primary = true, .instance = 1, .bounds = {}};
  Peers peers_{served_, log_};
  commit_page::CommitPageView view_;

 public:
  SyncCommits commits;
};

Position at(Seq seq) {
  return {1, seq, seq};
}

}  // namespace

TEST_CASE("a commit is replicated when it is durable here and at the standby, in either order") {
  for (const bool here_first : {true, false}) {
    Stage stage({.count = 1});
    stage.commits.note(1, cursor_at(3));
    CHECK_FALSE(stage.is_replicated(1));
    here_first ? stage.commits.on_durable(at(1)) : stage.acknowledge("a", "one", 1);
    CHECK_FALSE(stage.is_replicated(1));
    here_first ? stage.acknowledge("a", "one", 1) : stage.commits.on_durable(at(1));
    CHECK(stage.is_replicated(3));
    CHECK_FALSE(stage.is_replicated(4));
  }
}

// The batch is broadcast before we hear that it is durable: a standby may be faster.
TEST_CASE("who waits for standbys is woken by whatever came last") {
  for (const bool here_first : {true, false}) {
    Stage stage({.count = 1});
    stage.commits.note(1, cursor_at(3));
    here_first ? stage.commits.on_durable(at(1)) : stage.acknowledge("a", "one", 1);
    const auto seen = stage.signal(commit_page::kReplicatedAdvanced);
    here_first ? stage.acknowledge("a", "one", 1) : stage.commits.on_durable(at(1));
    CHECK(stage.signal(commit_page::kReplicatedAdvanced) != seen);
  }
}

TEST_CASE("the note may come after the acknowledgement") {
  Stage stage({.count = 1});
  stage.commits.on_durable(at(1));
  stage.acknowledge("a", "one", 1);
  CHECK_FALSE(stage.is_replicated(1));
  stage.commits.note(1, cursor_at(3));
  CHECK(stage.is_replicated(3));
}

TEST_CASE("two connections of one standby count once, two standbys twice") {
  Stage stage({.count = 2});
  stage.commits.note(1, cursor_at(3));
  stage.commits.on_durable(at(1));
  stage.acknowledge("a", "one", 1);
  stage.acknowledge("b", "one", 1);
  CHECK_FALSE(stage.is_replicated(1));
  stage.acknowledge("c", "two", 1);
  CHECK(stage.is_replicated(3));
}

TEST_CASE("the level is the one that was asked for") {
  Stage stage({.count = 1, .level = Level::applied});
  stage.commits.note(1, cursor_at(3));
  stage.commits.on_durable(at(1));
  stage.acknowledge("a", "one", 1, 0);
  CHECK_FALSE(stage.is_replicated(1));
  stage.acknowledge("a", "one", 1, 1);
  CHECK(stage.is_replicated(3));
}

TEST_CASE("without standbys asked for, our own disk decides") {
  Stage stage({.count = 0});
  stage.commits.note(1, cursor_at(3));
  CHECK_FALSE(stage.is_replicated(1));
  stage.commits.on_durable(at(1));
  CHECK(stage.is_replicated(3));
}

TEST_CASE("a reset of the WAL without a record covers all of the former generation") {
  Stage stage({.count = 1});
  stage.commits.note(1, cursor_at(3));
  stage.commits.on_durable(at(1));
  stage.commits.note(1, cursor_at(0, 2));
  CHECK_FALSE(stage.is_replicated(3));
  stage.acknowledge("a", "one", 1);
  CHECK(stage.is_replicated(1000, 1));
  CHECK(stage.is_replicated(0, 2));
  CHECK_FALSE(stage.is_replicated(1, 2));
  stage.commits.note(1, cursor_at(0, 3));  // and once more, with nothing to acknowledge
  CHECK(stage.is_replicated(1, 2));
  CHECK_FALSE(stage.is_replicated(1, 3));
}

TEST_CASE("a standby that lags far behind costs bounded memory and is never shown too early") {
  Stage stage({.count = 1});
  constexpr Seq kSeqs = 100'000;
  for (Seq seq = 1; seq <= kSeqs; ++seq) {
    stage.commits.note(seq, cursor_at(static_cast<wal::FrameNo>(2 * seq)));
  }
  stage.commits.on_durable(at(kSeqs));
  std::mt19937_64 random(7);
  Seq acknowledged = 0;
  while (acknowledged < kSeqs) {
    acknowledged = std::min<Seq>(kSeqs, acknowledged + random() % 3000);
    stage.acknowledge("a", "one", acknowledged);
    CHECK(stage.state().replicated.frame <= 2 * acknowledged);
  }
  CHECK(stage.is_replicated(2 * kSeqs));
}

TEST_CASE("a standby that left is no longer counted, what it acknowledged stays") {
  Stage stage({.count = 1});
  stage.commits.note(1, cursor_at(3));
  stage.commits.note(2, cursor_at(5));
  stage.commits.on_durable(at(2));
  stage.acknowledge("a", "one", 1);
  CHECK(stage.state().standbys == 1);
  stage.now_us += 4'000'000;
  stage.tick();
  CHECK(stage.state().standbys == 0);
  CHECK(stage.is_replicated(3));
  CHECK_FALSE(stage.is_replicated(5));
}

TEST_CASE("degraded after the timeout, and no longer once the standby has caught up") {
  Stage stage({.count = 1,
               .level = Level::durable,
               .timeout_ms = 5000,
               .policy = WhenUnreplicated::degrade});
  stage.acknowledge("a", "one", 0);
  stage.commits.note(1, cursor_at(3));
  stage.commits.on_durable(at(1));
  for (int i = 0; i < 4; ++i) {
    stage.now_us += 1'000'000;
    stage.acknowledge("a", "one", 0);  // is here, but does not get on
    CHECK(stage.state().is_degraded == 0);
  }
  stage.now_us += 2'000'000;
  stage.acknowledge("a", "one", 0);
  CHECK(stage.state().is_degraded == 1);
  Status status;
  stage.commits.add_to(status);
  CHECK(status.warnings.size() == 1);
  stage.acknowledge("a", "one", 1);
  CHECK(stage.state().is_degraded == 0);
  CHECK(stage.is_replicated(3));
}

TEST_CASE("nobody there at all degrades too, before the first commit has to wait for it") {
  Stage stage({.count = 1,
               .level = Level::durable,
               .timeout_ms = 5000,
               .policy = WhenUnreplicated::degrade});
  stage.now_us += 4'000'000;
  stage.tick();
  CHECK(stage.state().is_degraded == 0);
  stage.now_us += 2'000'000;
  stage.tick();
  CHECK(stage.state().is_degraded == 1);
}

TEST_CASE("with the policy to wait it is never degraded") {
  Stage stage({.count = 1, .level = Level::durable, .timeout_ms = 100});
  stage.now_us += 60'000'000;
  stage.tick();
  CHECK(stage.state().is_degraded == 0);
}
