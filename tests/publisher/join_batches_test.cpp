// join_small: joined or not, the same parts in the same order, under headers that say so.
#include "publisher/join_batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace understudy;

namespace {

StateSum sum_after(Seq seq) {
  return seq * 0x9e3779b97f4a7c15ull;
}

// Batches as an Encoder makes them: whole records, records in several batches, epochs, a cursor
// alone.
class Stream {
 public:
  explicit Stream(unsigned seed) : random_(seed) {}

  PendingBatch next() {
    PendingBatch batch;
    if (random_() % 12 == 0) {
      batch.cursor = cursor();
      return batch;
    }
    auto& header = batch.header;
    if (next_.part == 0 && random_() % 15 == 0) ++epoch_;
    header.epoch = epoch_;
    header.first = next_;
    header.records = 1 + random_() % 3;
    header.closed = random_() % 8 != 0;
    if (!header.closed) --header.records;
    const auto parts = header.records == 0 ? random_() % 3 : 0;
    header.last = {next_.seq + header.records - (header.closed ? 1 : 0),
                   header.records == 0 ? next_.part + static_cast<std::uint32_t>(parts) : 0};
    header.sum_before = sum_after(next_.seq - 1);
    header.sum_after = sum_after(next_.seq - 1 + header.records);
    header.time_us = static_cast<std::int64_t>(++time_);
    batch.raw.resize(1 + random_() % (random_() % 5 == 0 ? 2 * kJoinLimit : 2000));
    std::generate(batch.raw.begin(), batch.raw.end(),
                  [this] { return static_cast<std::byte>(random_()); });
    if (header.closed) batch.cursor = cursor();
    next_ = header.next();
    return batch;
  }

 private:
  wal::Cursor cursor() { return {.salts = {}, .frame = ++frame_, .checksum = {}}; }

  std::mt19937 random_;
  Epoch epoch_ = 1;
  PartKey next_{1, 0};
  std::uint64_t time_ = 0;
  wal::FrameNo frame_ = 0;
};

struct Content {
  Bytes raw;
  std::uint64_t records = 0;
  std::optional<wal::Cursor> cursor;
  bool operator==(const Content&) const = default;
};

Content content_of(const std::vector<PendingBatch>& batches) {
  Content content;
  for (const auto& batch : batches) {
    content.raw.insert(content.raw.end(), batch.raw.begin(), batch.raw.end());
    content.records += batch.header.records;
    if (batch.cursor) content.cursor = batch.cursor;
  }
  return content;
}

void check_chain(const std::vector<PendingBatch>& batches) {
  const BatchHeader* before = nullptr;
  for (const auto& batch : batches) {
    if (batch.raw.empty()) continue;
    const auto& header = batch.header;
    CHECK(header.records == header.last.seq - header.first.seq + (header.closed ? 1 : 0));
    CHECK(header.sum_before == sum_after(header.first.seq - 1));
    CHECK(header.sum_after == sum_after(header.first.seq - 1 + header.records));
    if (before != nullptr) {
      CHECK(header.first == before->next());
      CHECK(header.time_us > before->time_us);
      CHECK(header.epoch >= before->epoch);
    }
    before = &header;
  }
}

}  // namespace

TEST_CASE("what is joined is what was there, and follows on") {
  int before = 0;
  int after = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Stream stream(seed);
    std::vector<PendingBatch> batches;
    for (int i = 0; i < 30; ++i) batches.push_back(stream.next());
    const auto joined = join_small(batches);
    CHECK(content_of(joined) == content_of(batches));
    check_chain(joined);
    for (const auto& batch : joined) {
      const auto was_there = [&](const PendingBatch& one) { return one.raw == batch.raw; };
      const bool as_it_was = std::ranges::any_of(batches, was_there);
      CHECK((as_it_was || (batch.header.closed && batch.header.first.part == 0 &&
                           batch.raw.size() <= kJoinLimit)));
    }
    before += static_cast<int>(batches.size());
    after += static_cast<int>(joined.size());
  }
  CHECK(after < before * 3 / 4);
}

TEST_CASE("an epoch, an open record, or what is too large begins anew") {
  const auto batch = [](Seq seq, Epoch epoch, bool closed, std::size_t bytes) {
    PendingBatch made;
    made.header.epoch = epoch;
    made.header.first = made.header.last = {seq, 0};
    made.header.closed = closed;
    made.header.records = closed ? 1 : 0;
    made.raw.resize(bytes);
    return made;
  };
  CHECK(join_small({batch(1, 1, true, 9), batch(2, 1, true, 9)}).size() == 1);
  CHECK(join_small({batch(1, 1, true, 9), batch(2, 2, true, 9)}).size() == 2);
  CHECK(join_small({batch(1, 1, true, 9), batch(2, 1, false, 9)}).size() == 2);
  CHECK(join_small({batch(1, 1, true, 9), batch(2, 1, true, kJoinLimit)}).size() == 2);
  CHECK(join_small({}).empty());
}
