// Batch: consecutive record parts in one blob, as they were fsynced together. The unit of the
// backend's rows and of the wire; never changed, re-cut or re-compressed once it is made, so a
// standby stores and serves the very bytes that the primary made.
//
// Header of kBatchHeaderSize bytes, then the payload (raw or zstd); byte table in schemas/batch.md.
// Pure; any thread.
#pragma once

#include "common/core/types.h"

namespace understudy {

constexpr std::size_t kBatchHeaderSize = 96;
constexpr std::size_t kBatchRawLimit = 2 * 1024 * 1024;  // decoded payload; decoders refuse more

// Where a part stands in a stream; ordered.
struct PartKey {
  Seq seq = 0;
  std::uint32_t part = 0;
  auto operator<=>(const PartKey&) const = default;
};

struct BatchHeader {
  StreamId stream;
  Epoch epoch = 0;  // of all its parts
  PartKey first;
  PartKey last;
  bool closed = false;          // the last part ends its record
  std::uint32_t records = 0;    // records that end in this batch
  std::uint32_t raw_bytes = 0;  // decoded payload
  StateSum sum_before = 0;      // before the first record of the batch
  StateSum sum_after = 0;       // after the last record that ends in it; sum_before when none does
  std::int64_t time_us = 0;     // of the last part

  // The part that must come next: (last.seq + 1, 0) when closed, else (last.seq, last.part + 1).
  [[nodiscard]] PartKey next() const;
  bool operator==(const BatchHeader&) const = default;
};

// Makes the blob; compresses with zstd when that is shorter. raw = encoded parts, one after
// another.
[[nodiscard]] Bytes encode_batch(BatchHeader header, ByteView raw);

// A batch blob whose version, lengths and checksum have been checked. Borrowed bytes.
struct BatchView {
  BatchHeader header;
  ByteView blob;  // all of it
  // nullopt: not a batch, damaged, or of a newer version.
  static std::optional<BatchView> parse(ByteView blob);
  // The parts, decoded; replaces `raw`. False: the payload does not decode to what the header says.
  [[nodiscard]] bool unpack(Bytes& raw) const;
};

}  // namespace understudy
