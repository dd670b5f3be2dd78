#include "common/record/record.h"

#define MSGPACK_NO_BOOST  // the library wants Boost for its byte order macros alone
#include "common/core/assert.h"
#include "common/record/page_hash.h"

#include <algorithm>
#include <msgpack.hpp>

namespace understudy {
namespace {

// schemas/record.md describes what these stand for.
constexpr std::uint64_t kVersion = 1;
constexpr std::uint32_t kFieldsOfPart = 12;
constexpr std::uint32_t kFieldsOfEpochPart = 13;
constexpr std::uint32_t kFieldsOfOpening = 3;
constexpr std::uint32_t kFieldsOfChange = 4;

// Lets the library's packer append to our bytes.
class Sink {
 public:
  explicit Sink(Bytes& out) : out_(out) {}
  void write(const char* data, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
  }

 private:
  Bytes& out_;
};

// Takes the tokens of one part as the library's parser finds them. Each method answers false, and
// so ends the parse, at the first token that does not belong where it stands.
class PartVisitor : public msgpack::null_visitor {
 public:
  explicit PartVisitor(RecordPart& part)
      : header_(part.header), changes_(part.changes), opening_(part.opening) {}

  bool start_array(std::uint32_t length);
  bool end_array_item();
  bool end_array();
  bool visit_positive_integer(std::uint64_t value) {
    if (level_ == Level::part) return set_header(value);
    return level_ == Level::change ? set_change(value) : set_tenure(value);
  }
  bool visit_negative_integer(std::int64_t value);
  bool visit_boolean(bool value);
  bool visit_bin(const char* body, std::uint32_t size);
  bool visit_str(const char* text, std::uint32_t size);

  // What no part contains.
  bool visit_nil() { return false; }
  bool visit_float32(float) { return false; }
  bool visit_float64(double) { return false; }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }

 private:
  enum class Level { outside, part, changes, change, opening };
  enum Field : std::uint32_t {
    kVersionField,
    kKind,
    kEpoch,
    kSeq,
    kPart,
    kLast,
    kPageSize,
    kTime,
    kSumBefore,
    kPageCount,
    kSumAfter,
    kChanges,
    kOpening,
  };
  enum Item : std::uint32_t { kPage, kHash, kEncoding, kBody };
  enum OpeningItem : std::uint32_t { kNode, kTenure, kReason };

  bool set_header(std::uint64_t value);
  bool set_change(std::uint64_t value);
  bool set_tenure(std::uint64_t value);
  bool begin_field(std::uint32_t length);
  [[nodiscard]] bool header_is_sound() const;
  [[nodiscard]] bool epoch_is_sound() const;

  PartHeader& header_;
  std::vector<PageChange>& changes_;
  std::optional<EpochOpening>& opening_;
  Level level_ = Level::outside;
  std::uint32_t fields_ = 0;
  std::uint32_t field_ = 0;  // of the part
  std::uint32_t item_ = 0;   // of the change or the opening
  PageChange change_;
};

// Stores `value`. False: it does not fit.
template <typename T>
bool store(std::uint64_t value, T& to) {
  to = static_cast<T>(value);
  return static_cast<std::uint64_t>(to) == value;
}

bool PartVisitor::start_array(std::uint32_t length) {
  switch (level_) {
    case Level::outside:
      level_ = Level::part;
      fields_ = length;
      return length == kFieldsOfPart || length == kFieldsOfEpochPart;
    case Level::part:
      return begin_field(length);
    case Level::changes:
      level_ = Level::change;
      item_ = 0;
      return length == kFieldsOfChange;
    case Level::change:
    case Level::opening:
      return false;
  }
  return false;
}

// The array of a field: the changes, or the opening behind them.
bool PartVisitor::begin_field(std::uint32_t length) {
  const bool is_epoch = header_.kind == RecordKind::epoch;
  if (field_ == kChanges) {
    level_ = Level::changes;
    return header_is_sound() &&
           (is_epoch ? epoch_is_sound() && length == 0 : fields_ == kFieldsOfPart);
  }
  level_ = Level::opening;
  item_ = 0;
  opening_.emplace();
  return field_ == kOpening && length == kFieldsOfOpening;
}

bool PartVisitor::end_array_item() {
  if (level_ == Level::part) ++field_;
  if (level_ == Level::change || level_ == Level::opening) ++item_;
  return true;
}

bool PartVisitor::end_array() {
  switch (level_) {
    case Level::change:
      changes_.push_back(change_);
      level_ = Level::changes;
      return true;
    case Level::changes:
      level_ = Level::part;
      return true;
    case Level::opening:
      level_ = Level::part;
      return is_sound(*opening_);
    default:
      level_ = Level::outside;
      return true;
  }
}

bool PartVisitor::visit_negative_integer(std::int64_t value) {
  header_.time_us = value;
  return level_ == Level::part && field_ == kTime;
}

bool PartVisitor::visit_boolean(bool value) {
  header_.last = value;
  return level_ == Level::part && field_ == kLast;
}

bool PartVisitor::visit_bin(const char* body, std::uint32_t size) {
  if (level_ != Level::change || item_ != kBody) return false;
  change_.body = {reinterpret_cast<const std::byte*>(body), size};
  return change_.encoding == PageEncoding::whole ? size == header_.page_size
                                                 : size < header_.page_size;
}

bool PartVisitor::visit_str(const char* text, std::uint32_t size) {
  if (level_ != Level::opening || item_ == kTenure) return false;
  auto& to = item_ == kNode ? opening_->node : opening_->reason;
  if (size > std::max(kNodeNameLimit, kOpeningReasonLimit)) return false;
  to.assign(text, size);
  return true;
}

bool PartVisitor::set_tenure(std::uint64_t value) {
  if (level_ != Level::opening || item_ != kTenure) return false;
  opening_->tenure = value;
  return true;
}

bool PartVisitor::set_header(std::uint64_t value) {
  switch (field_) {
    case kVersionField:
      return value == kVersion;
    case kKind:
      return store(value, header_.kind) && header_.kind <= RecordKind::epoch;
    case kEpoch:
      return store(value, header_.epoch) && value != 0;
    case kSeq:
      return store(value, header_.seq) && value != 0;
    case kPart:
      return store(value, header_.part);
    case kPageSize:
      return store(value, header_.page_size) && is_page_size(header_.page_size);
    case kTime:
      return store(value, header_.time_us) && header_.time_us >= 0;
    case kSumBefore:
      return store(value, header_.sum_before);
    case kPageCount:
      return store(value, header_.page_count);
    case kSumAfter:
      return store(value, header_.sum_after);
    default:
      return false;
  }
}

bool PartVisitor::set_change(std::uint64_t value) {
  switch (item_) {
    case kPage:
      return store(value, change_.page) && value != 0;
    case kHash:
      return store(value, change_.hash);
    case kEncoding:
      return store(value, change_.encoding) && change_.encoding <= PageEncoding::delta;
    default:
      return false;
  }
}

bool PartVisitor::header_is_sound() const {
  if (header_.last) return header_.page_count != 0;
  return header_.page_count == 0 && header_.sum_after == 0;
}

// One part, which leads from a state to the same state.
bool PartVisitor::epoch_is_sound() const {
  return fields_ == kFieldsOfEpochPart && header_.part == 0 && header_.last &&
         header_.sum_after == header_.sum_before;
}

void pack_text(msgpack::packer<Sink>& packer, const std::string& text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

void pack_opening(msgpack::packer<Sink>& packer, const EpochOpening& opening) {
  packer.pack_array(kFieldsOfOpening);
  pack_text(packer, opening.node);
  packer.pack_uint64(opening.tenure);
  pack_text(packer, opening.reason);
}

}  // namespace

EpochStart epoch_start(const RecordPart& part) {
  US_ASSERT(part.opening.has_value(), "only an epoch record opens an epoch");
  const auto& header = part.header;
  return {.epoch = header.epoch,
          .node = part.opening->node,
          .tenure = part.opening->tenure,
          .first_seq = header.seq,
          .sum = header.sum_before,
          .time_us = header.time_us,
          .reason = part.opening->reason};
}

void PartBuilder::add(const PageChange& change) {
  US_ASSERT(change.page != 0, "pages count from 1");
  Sink sink(changes_);
  msgpack::packer<Sink> packer(sink);
  packer.pack_array(kFieldsOfChange);
  packer.pack_uint32(change.page);
  packer.pack_uint64(change.hash);
  packer.pack_uint8(static_cast<std::uint8_t>(change.encoding));
  packer.pack_bin(static_cast<std::uint32_t>(change.body.size()));
  packer.pack_bin_body(reinterpret_cast<const char*>(change.body.data()),
                       static_cast<std::uint32_t>(change.body.size()));
  ++count_;
}

void PartBuilder::finish(const PartHeader& header, Bytes& out) {
  US_ASSERT(header.epoch != 0 && header.seq != 0, "epochs and records count from 1");
  US_ASSERT(is_page_size(header.page_size), "each part says the page size");
  US_ASSERT(header.last == (header.page_count != 0), "the last part, and only that, says the size");
  US_ASSERT(opening_.has_value() == (header.kind == RecordKind::epoch), "epochs, and only they");
  US_ASSERT(!opening_ || (is_sound(*opening_) && header.part == 0 && header.last && count_ == 0 &&
                          header.sum_after == header.sum_before),
            "an epoch record is one part, and changes nothing");
  const auto start = out.size();
  Sink sink(out);
  msgpack::packer<Sink> packer(sink);
  packer.pack_array(opening_ ? kFieldsOfEpochPart : kFieldsOfPart);
  packer.pack_uint64(kVersion);
  packer.pack_uint8(static_cast<std::uint8_t>(header.kind));
  packer.pack_uint64(header.epoch);
  packer.pack_uint64(header.seq);
  packer.pack_uint32(header.part);
  if (header.last) {
    packer.pack_true();
  } else {
    packer.pack_false();
  }
  packer.pack_uint32(header.page_size);
  packer.pack_int64(header.time_us);
  packer.pack_uint64(header.sum_before);
  packer.pack_uint32(header.page_count);
  packer.pack_uint64(header.sum_after);
  packer.pack_array(count_);
  out.insert(out.end(), changes_.begin(), changes_.end());
  if (opening_) pack_opening(packer, *opening_);
  US_ASSERT(out.size() - start <= kPartLimit, "decoders refuse larger parts");
  changes_.clear();
  opening_.reset();
  count_ = 0;
}

bool decode_part(ByteView& bytes, RecordPart& part) {
  part.header = {};
  part.changes.clear();
  part.opening.reset();
  const auto window = bytes.first(std::min(bytes.size(), kPartLimit));
  std::size_t end = 0;
  PartVisitor visitor(part);
  if (!msgpack::parse(reinterpret_cast<const char*>(window.data()), window.size(), end, visitor)) {
    return false;
  }
  bytes = bytes.subspan(end);
  return true;
}

}  // namespace understudy
