// An archive as a source: segments of several nodes, cut in any way, of several branches, come to
// the log of the primary that counts; and not one flipped bit in one goes unnoticed.
#include "branching_log.h"
#include "common/archive/archive_folder.h"
#include "common/archive/segment_writer.h"
#include "common/core/errors.h"
#include "replay/archive_check.h"
#include "replay/log_chain.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace understudy::test {
namespace {

namespace fs = std::filesystem;

// What a node of this branch writes of records after+1 … until.
void write_segment(BranchingLog& world, const ArchiveFolder& folder, const Branch& branch,
                   Seq after, Seq until) {
  SegmentWriter writer(folder.segments_folder() + "/test.1.2.3.partial",
                       {world.stream(), branch.position_at(after)});
  for (const auto& blob : world.batches(branch, after, until)) {
    writer.add_batch(*BatchView::parse(blob));
  }
  (void)writer.finish(up_to(branch.history, branch.position_at(until)).value(),
                      folder.segments_folder());
}

void archive(BranchingLog& world, const ArchiveFolder& folder, const Branch& branch, Seq after) {
  while (after < branch.last().seq) {
    const auto until = std::min<Seq>(branch.last().seq, after + 1 + world.draw(12));
    write_segment(world, folder, branch, after, until);
    after = until;
  }
}

ArchiveProof check(const ArchiveFolder& folder) {
  return check_archive(
      folder, [](std::uint64_t) {}, [] { return false; });
}

bool is_found_damaged(const ArchiveFolder& folder) {
  try {
    return !check(folder).is_whole();
  } catch (const ConfigError&) {
    return true;  // "of a newer version", "of another stream"
  }
}

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("segments of many nodes and branches come to the log that counts") {
  constexpr unsigned kRounds = 150;
  for (unsigned seed = 1; seed <= kRounds; ++seed) {
    CAPTURE(seed);
    BranchingLog world(seed);
    const TemporaryDirectory temporary;
    const ArchiveFolder folder(temporary.path());
    folder.claim(world.stream(), false);
    auto branch = world.begin();
    world.add_records(branch, 10 + world.draw(40));
    // Some tenures, each begun somewhere in the one before it; what that had more is left.
    std::vector<Branch> left;
    for (Epoch epoch = 2; epoch < 2 + world.draw(4); ++epoch) {
      left.push_back(branch);
      branch = BranchingLog::cut(branch, 1 + world.draw(branch.last().seq));
      world.open_epoch(branch, epoch, "n");
      world.add_records(branch, 1 + world.draw(30));
    }
    for (const auto& old : left) archive(world, folder, old, 0);
    const auto nodes = 1 + world.draw(3);
    for (std::size_t node = 0; node < nodes; ++node) {
      archive(world, folder, branch, node == 0 ? 0 : world.draw(branch.last().seq));
    }
    LogChain chain(open_log_sources({temporary.path()}).logs);
    REQUIRE(chain.run_count() == 1);
    REQUIRE(chain.run_base(0) == branch.base);
    REQUIRE(chain.run_last(0) == branch.last());
    REQUIRE(chain.history() == branch.history);
    for (Seq seq = 0; seq <= branch.last().seq; ++seq) {
      REQUIRE(chain.position_at(seq) == branch.position_at(seq));
    }
    REQUIRE(check(folder).is_whole());
  }
  std::printf("understudy-count: archives of many branches=%zu\n", std::size_t{kRounds});
}

TEST_CASE("a hole is named, and a fork") {
  BranchingLog world(7);
  const TemporaryDirectory temporary;
  const ArchiveFolder folder(temporary.path());
  folder.claim(world.stream(), false);
  auto branch = world.begin();
  world.add_records(branch, 30);
  write_segment(world, folder, branch, 0, 10);
  write_segment(world, folder, branch, 17, 30);
  const auto proof = check(folder);
  CHECK_FALSE(proof.is_whole());
  REQUIRE(proof.gaps.size() == 1);
  CHECK(proof.gaps[0].from == 11);
  CHECK(proof.gaps[0].until == 17);
  CHECK(proof.problems.empty());
  write_segment(world, folder, branch, 10, 17);
  CHECK(check(folder).is_whole());
  for (const auto* node : {"b", "c"}) {
    auto tenure = branch;
    world.open_epoch(tenure, 2, node);
    world.add_records(tenure, 3);
    write_segment(world, folder, tenure, 30, 34);
  }
  const auto forked = check(folder);
  REQUIRE(forked.fork.has_value());
  CHECK(forked.fork->find("node b") != std::string::npos);
  CHECK(forked.fork->find("node c") != std::string::npos);
}

TEST_CASE("every flipped bit of a small archive is found, and the records are named") {
  BranchingLog world(11);
  const TemporaryDirectory temporary;
  const ArchiveFolder folder(temporary.path());
  folder.claim(world.stream(), false);
  auto branch = world.begin();
  world.add_records(branch, 5);
  write_segment(world, folder, branch, 0, 2);
  write_segment(world, folder, branch, 2, 3);
  write_segment(world, folder, branch, 3, 5);
  REQUIRE(check(folder).is_whole());
  std::size_t bits = 0;
  for (const auto& entry : fs::recursive_directory_iterator(temporary.path())) {
    if (!entry.is_regular_file()) continue;
    const auto whole = read_all(entry.path());
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit, ++bits) {
      auto bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      write_all(entry.path(), bytes);
      CAPTURE(entry.path().string());
      CAPTURE(bit);
      REQUIRE(is_found_damaged(folder));
    }
    write_all(entry.path(), whole);
  }
  REQUIRE(check(folder).is_whole());
  std::printf("understudy-count: flipped bits of an archive=%zu\n", std::size_t{bits});
}

}  // namespace understudy::test
