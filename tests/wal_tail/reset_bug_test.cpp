// The WAL-reset bug, as a small state space: a writer that resets the WAL, a checkpointer that may
// be stopped between any two of its steps, and the tailer. Every interleaving of their atomic steps
// is walked. Lost: nBackfill beyond what is in the database of the current generation, so that a
// later checkpoint skips committed frames, or frames overwritten that the tailer did not copy.
//
// Each actor's steps follow SQLite's wal.c (walCheckpoint, walRestartLog) and wal_tail.cpp.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

namespace understudy::test {
namespace {

constexpr int kFrames = 2;  // of the old generation; the new one has fewer, the dangerous case
constexpr int kNoMark = 99;

enum class Tailer { none, naive, protocol, without_ckpt_check };

struct World {
  // Shared memory: the generation, its last frame, nBackfill, and what is truly in the database.
  int generation = 1, last = kFrames, backfilled = 0, in_database = 0;
  int ckpt_by = 0, write_by = 0, read0_shared = 0, read0_exclusive = 0;
  int mark = kNoMark;      // of the tailer's slot …
  bool slot_held = false;  // … that is held shared
  // Checkpointers: program counter, the header each has read, its limit.
  struct Checkpointer {
    int pc = 0, generation = 0, last = 0, limit = 0, runs = 0;
    auto operator<=>(const Checkpointer&) const = default;
  };
  std::array<Checkpointer, 2> checkpointers;
  int writer_pc = 0, writer_commits = 0;
  int tailer_pc = 0, copied_generation = 1, copied = 0;
  bool bad = false;
  auto operator<=>(const World&) const = default;
};

class Search {
 public:
  explicit Search(Tailer tailer) : tailer_(tailer) {}

  // Is there an interleaving that loses a frame?
  bool finds_a_loss() {
    World start;
    if (tailer_ != Tailer::none && tailer_ != Tailer::naive) start.slot_held = true, start.mark = 0;
    std::vector<World> open{start};
    seen_.insert(start);
    while (!open.empty()) {
      const World world = open.back();
      open.pop_back();
      if (world.bad) return true;
      for (auto& next : successors(world)) {
        if (seen_.insert(next).second) open.push_back(std::move(next));
      }
    }
    return false;
  }
  [[nodiscard]] std::size_t states() const { return seen_.size(); }

 private:
  std::vector<World> successors(const World& world) const {
    std::vector<World> next;
    for (std::size_t i = 0; i < world.checkpointers.size(); ++i) {
      World after = world;
      if (step_checkpointer(after, i)) next.push_back(after);
    }
    World after = world;
    if (step_writer(after)) next.push_back(after);
    after = world;
    if (step_tailer(after)) next.push_back(after);
    return next;
  }

  // walCheckpoint, PASSIVE. It runs twice at most.
  static bool step_checkpointer(World& w, std::size_t index) {
    auto& c = w.checkpointers[index];
    const int self = static_cast<int>(index) + 1;
    switch (c.pc) {
      case 0:  // CKPT
        if (c.runs == 2 || w.ckpt_by != 0) return false;
        ++c.runs;
        w.ckpt_by = self;
        break;
      case 1:  // the header
        c.generation = w.generation;
        c.last = w.last;
        break;
      case 2:  // anything to do?
        if (w.backfilled >= c.last) return end(w, c);
        break;
      case 3:  // the limit, by the marks of readers
        c.limit = w.slot_held && w.mark < c.last ? w.mark : c.last;
        if (w.backfilled >= c.limit) return end(w, c);
        break;
      case 4:  // READ(0) exclusive, one try
        if (w.read0_shared > 0 || w.read0_exclusive != 0) return end(w, c);
        w.read0_exclusive = self;
        break;
      case 5:  // pages of the header it knows go into the database
        if (c.generation == w.generation) w.in_database = std::max(w.in_database, c.limit);
        break;
      case 6:  // nBackfill
        w.backfilled = c.limit;
        w.bad = w.bad || w.backfilled > w.in_database || w.backfilled > w.last;
        break;
      default:
        w.read0_exclusive = 0;
        return end(w, c);
    }
    ++c.pc;
    return true;
  }
  static bool end(World& w, World::Checkpointer& c) {
    w.ckpt_by = 0;
    c = {0, 0, 0, 0, c.runs};
    return true;
  }

  // A transaction of one frame; resets when all is backfilled and no reader uses the WAL.
  bool step_writer(World& w) const {
    switch (w.writer_pc) {
      case 0:
        if (w.writer_commits == 3) return false;
        w.write_by = 1;
        w.writer_pc = w.backfilled == w.last && w.last > 0 && !w.slot_held ? 1 : 3;
        return true;
      case 1:  // the reset: header first …
        if (tailer_ != Tailer::none &&
            !(w.copied_generation == w.generation && w.copied == w.last)) {
          w.bad = true;  // frames that the tailer has not copied are given up
        }
        ++w.generation;
        w.last = 0;
        w.in_database = 0;
        w.writer_pc = 2;
        return true;
      case 2:  // … then nBackfill
        w.backfilled = 0;
        w.writer_pc = 3;
        return true;
      default:  // the commit
        ++w.last;
        ++w.writer_commits;
        w.write_by = 0;
        w.writer_pc = 0;
        return true;
    }
  }

  static void copy(World& w) {
    w.copied_generation = w.generation;
    w.copied = w.last;
  }

  bool step_tailer(World& w) const {
    if (tailer_ == Tailer::none) return false;
    if (tailer_ == Tailer::naive) return copy_without_locks(w);
    switch (w.tailer_pc) {
      case 0:  // HOLD: copy
        if (w.copied_generation == w.generation && w.copied == w.last) {
          w.tailer_pc = 1;
        } else {
          copy(w);
        }
        return true;
      case 1:  // WINDOW
        w.mark = kNoMark;
        w.tailer_pc = 2;
        return true;
      case 2:  // copy on, until all is backfilled; then READ(0)
        copy(w);
        if (w.backfilled != w.last || w.read0_exclusive != 0) return true;
        ++w.read0_shared;
        w.tailer_pc = 3;
        return true;
      case 3:  // the header again
        if (w.copied != w.last || w.backfilled != w.last) {
          --w.read0_shared;
          w.tailer_pc = 2;
        } else {
          w.tailer_pc = 4;
        }
        return true;
      case 4:  // PARK
        w.slot_held = false;
        w.tailer_pc = 5;
        return true;
      case 5:  // the header moves: HOLD before READ(0) goes
        if (w.copied_generation == w.generation && w.copied == w.last) return false;
        if (w.last == 0) return false;
        w.mark = w.copied_generation == w.generation ? w.copied : 0;
        w.slot_held = true;
        w.tailer_pc = 6;
        return true;
      case 6:  // leaving: CKPT must be free for an instant
        copy(w);
        if (tailer_ == Tailer::protocol && w.ckpt_by != 0) return false;
        --w.read0_shared;
        w.tailer_pc = 0;
        return true;
      default:
        return false;
    }
  }

  static bool copy_without_locks(World& w) {
    if (w.copied_generation == w.generation && w.copied == w.last) return false;
    copy(w);
    return true;
  }

  Tailer tailer_;
  std::set<World> seen_;
};

}  // namespace

TEST_CASE("SQLite alone: the model has the WAL-reset bug") {
  CHECK(Search(Tailer::none).finds_a_loss());
}

TEST_CASE("a tailer without locks loses frames") {
  CHECK(Search(Tailer::naive).finds_a_loss());
}

TEST_CASE("our protocol without its look at CKPT leaves the bug open") {
  CHECK(Search(Tailer::without_ckpt_check).finds_a_loss());
}

TEST_CASE("under our protocol no interleaving loses a frame") {
  Search search(Tailer::protocol);
  CHECK(!search.finds_a_loss());
  std::printf("understudy-count: interleavings of the WAL-reset model=%ld\n",
              static_cast<long>(search.states()));
  MESSAGE("states: ", search.states());
  CHECK(search.states() > 1000);
}

}  // namespace understudy::test
