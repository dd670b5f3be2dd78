// Record: one committed transaction as page changes; what moves state seq−1 to state seq.
//
// A record travels and is stored as one or more *parts* (a part holds up to about
// kPartTarget bytes of changes), so memory never depends on the size of a transaction.
// Within a record a page may be changed more than once; changes apply in order.
// MessagePack layout: schemas/record.md.  Pure; any thread.
#pragma once

#include "common/core/types.h"
#include "common/record/history.h"

namespace understudy {

constexpr std::size_t kPartTarget = 256 * 1024;  // encoder starts a new part beyond this
constexpr std::size_t kPartLimit = 1024 * 1024;  // decoders refuse more

enum class RecordKind : std::uint8_t {
  transaction = 0,  // a commit of the application
  repair = 1,       // what happened while no publisher watched: the pages that differ, whole
  epoch = 2,        // opens an epoch: one part with an opening, no changes, the same sum after
};

enum class PageEncoding : std::uint8_t { whole = 0, delta = 1 };

struct PageChange {
  PageNo page = 0;
  PageHash hash = 0;  // of the content after this change
  PageEncoding encoding = PageEncoding::whole;
  ByteView body;  // whole: page_size bytes; delta: against the content just before this change
};

struct PartHeader {
  RecordKind kind = RecordKind::transaction;
  Epoch epoch = 0;
  Seq seq = 0;
  std::uint32_t part = 0;  // 0, 1, 2 …
  bool last = false;       // ends its record
  std::uint32_t page_size = 0;
  std::int64_t time_us = 0;      // when the publisher saw the commit; Unix time in microseconds
  StateSum sum_before = 0;       // of state seq−1
  std::uint32_t page_count = 0;  // after the record; 0 unless last
  StateSum sum_after = 0;        // of state seq; 0 unless last
  bool operator==(const PartHeader&) const = default;
};

// Collects changes and writes one part.
class PartBuilder {
 public:
  void add(const PageChange& change);                                       // copies the body
  void open_epoch(EpochOpening opening) { opening_ = std::move(opening); }  // for kind epoch
  [[nodiscard]] std::size_t size() const { return changes_.size(); }  // bytes of changes so far
  [[nodiscard]] std::uint32_t count() const { return count_; }
  // Appends the encoded part to `out` and empties the builder.
  void finish(const PartHeader& header, Bytes& out);

 private:
  Bytes changes_;  // encoded
  std::uint32_t count_ = 0;
  std::optional<EpochOpening> opening_;
};

struct RecordPart {
  PartHeader header;
  std::vector<PageChange> changes;      // bodies point into the decoded bytes
  std::optional<EpochOpening> opening;  // of an epoch record, and of that alone
};

// What a part that opens an epoch puts into the history. Requires part.opening.
[[nodiscard]] EpochStart epoch_start(const RecordPart& part);

// Decodes the part at the start of `bytes` and moves `bytes` behind it. False: not a part (foreign
// bytes, over a limit, bad page size or encoding). Reuses the memory of `part`.
[[nodiscard]] bool decode_part(ByteView& bytes, RecordPart& part);

}  // namespace understudy
