// What stands where in the file `commit-page` (schemas/commit-page.md), and the rules by which two
// processes read and write it at once. Used on both sides, so it needs neither our libraries nor
// the C++ runtime.
//
// Invariants
//  - The words of `state` change only between two increments of `sequence`; it is even at rest. Who
//    reads them sees all of one state or knows that it did not.
//  - A signal word is incremented after the state that it speaks of can be read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace understudy::commit_page {

constexpr std::uint64_t kMagic = 0x6567'6150'7964'6e55;  // "UndyPage" in memory
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kSize = 4096;
constexpr std::size_t kRingSize = 16;
// A publisher says that it lives each 250 ms; silence for longer than this counts as its death.
constexpr std::uint64_t kAliveFor_ns = 3'000'000'000;

enum Role : std::uint32_t { kNoRole = 0, kPrimary = 1, kStandby = 2 };
enum Policy : std::uint32_t { kWait = 0, kDegrade = 1 };
enum Level : std::uint32_t { kReceived = 0, kDurable = 1, kApplied = 2 };

// What people wait for; each has a signal word.
enum Signal : std::uint32_t {
  kReplicatedAdvanced = 0,
  kDurableAdvanced = 1,
  kAppliedAdvanced = 2,
  kCommitWaits = 3,  // the other way: an application wakes the capture thread
  kSignals = 4
};

// A prefix of the history of the application's WAL. Generations count its resets, as far as the
// node saw them: an earlier generation is part of every later prefix. 0: none.
struct Prefix {
  std::uint64_t generation;
  std::uint64_t frame;
  std::uint64_t seq;  // the last record that came of it
};

struct Generation {
  std::uint64_t salts;  // the eight bytes as they stand in the wal-index
  std::uint64_t number;
};

// The content. 64-bit words only, so that it is copied word by word.
struct State {
  std::uint64_t role;          // Role
  std::uint64_t heartbeat_ns;  // CLOCK_MONOTONIC
  std::uint64_t boot[2];       // of the kernel that the clock and the prefixes belong to
  std::uint64_t count;         // standbys that a commit waits for; 0: commits do not wait
  std::uint64_t level;         // Level
  std::uint64_t timeout_ms;
  std::uint64_t policy;       // Policy
  std::uint64_t is_degraded;  // 0 or 1
  std::uint64_t standbys;     // that are heard of now
  std::uint64_t epoch;
  std::uint64_t durable_sum;    // state sum at durable.seq
  Prefix durable;               // on the node's own disk
  Prefix replicated;            // `count` standbys have it at `level`; as `durable` for count 0
  std::uint64_t applied_epoch;  // standby: what its readers see
  std::uint64_t applied_seq;    //
  std::uint64_t applied_sum;    //
  // Of the log's last epoch, while primary: which history prefixes belong to. A commit made under
  // another one may have been left behind by a promotion elsewhere, whatever its frame says.
  std::uint64_t tenure;
  Generation ring[kRingSize];  // the last generations, in any order; number 0: unused
};
constexpr std::size_t kStateWords = sizeof(State) / 8;
static_assert(sizeof(State) % 8 == 0 && kStateWords == 22 + 2 * kRingSize);

struct Page {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t unused;
  alignas(64) std::uint32_t sequence;
  alignas(64) std::uint32_t signals[kSignals][16];  // the first of each 16: a cache line for each
  alignas(64) std::uint64_t state[kStateWords];
};
static_assert(sizeof(Page) <= kSize);
static_assert(offsetof(Page, sequence) == 64 && offsetof(Page, signals) == 128 &&
              offsetof(Page, state) == 384);

using Word32 = std::atomic_ref<std::uint32_t>;
using Word64 = std::atomic_ref<std::uint64_t>;
static_assert(Word32::is_always_lock_free && Word64::is_always_lock_free);

inline Word32 signal_word(Page& page, Signal which) {
  return Word32(page.signals[which][0]);
}

// The number of the generation with these salts; 0: not one of the last that the node saw.
inline std::uint64_t generation_of(const State& state, std::uint64_t salts) {
  for (const auto& entry : state.ring) {
    if (entry.number != 0 && entry.salts == salts) return entry.number;
  }
  return 0;
}

// Is the frame of this generation within the prefix?
inline bool covers(const Prefix& prefix, std::uint64_t generation, std::uint64_t frame) {
  if (generation == 0) return false;
  return prefix.generation > generation ||
         (prefix.generation == generation && prefix.frame >= frame);
}

}  // namespace understudy::commit_page
