// Batches of one record each for tests of serving: record n leads from sum n − 1 to sum n, and its
// payload does not compress, so that its size counts against the limits of the live stream.
#pragma once

#include "common/backend/backend.h"
#include "common/record/batch.h"

#include <cstdint>
#include <random>

namespace understudy::test {

inline constexpr std::int64_t kDeadline_us = 10'000'000;

inline StreamId stream_id() {
  StreamId id;
  id.bytes.fill(9);
  return id;
}

inline Bytes make_batch(Seq seq, std::size_t size) {
  BatchHeader header;
  header.stream = stream_id();
  header.epoch = 1;
  header.first = header.last = {seq, 0};
  header.closed = true;
  header.records = 1;
  header.sum_before = seq - 1;
  header.sum_after = seq;
  header.raw_bytes = static_cast<std::uint32_t>(size);
  std::minstd_rand random(static_cast<unsigned>(seq));
  Bytes raw(size);
  for (auto& byte : raw) byte = static_cast<std::byte>(random() >> 8);
  return encode_batch(header, raw);
}

// Of a log that holds records 1 to `last`.
inline LogBounds bounds_at(Seq last) {
  return {.base = {1, 0, 0}, .last = {1, last, last}, .next = {last + 1, 0}};
}

}  // namespace understudy::test
