#include "common/replica/applied_ring.h"

#include "common/core/byte_order.h"
#include "common/core/errors.h"
#include "common/core/hash.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr char kMagic[] = "understudy ring";  // 16 bytes with the final zero
constexpr std::uint32_t kVersion = 1;

struct Entry {
  std::uint64_t counter = 0;
  Position position;
  wal::Cursor cursor;
};

using EntryBytes = std::array<std::byte, AppliedRing::kEntrySize>;
using HeaderBytes = std::array<std::byte, AppliedRing::kHeaderSize>;

HeaderBytes encode_header(const StreamId& stream) {
  HeaderBytes out{};
  std::memcpy(out.data(), kMagic, 16);
  store_le<std::uint32_t>(&out[16], kVersion);
  store_le<std::uint32_t>(&out[20], AppliedRing::kCapacity);
  std::memcpy(&out[24], stream.bytes.data(), 16);
  store_le<std::uint64_t>(&out[56], xxh3(ByteView(out).first(56)));
  return out;
}

EntryBytes encode_entry(const Entry& entry) {
  EntryBytes out{};
  store_le<std::uint64_t>(&out[0], entry.counter);
  store_le<std::uint64_t>(&out[8], entry.position.epoch);
  store_le<std::uint64_t>(&out[16], entry.position.seq);
  store_le<std::uint64_t>(&out[24], entry.position.sum);
  const auto cursor = entry.cursor.encode();
  std::memcpy(&out[32], cursor.data(), cursor.size());
  store_le<std::uint64_t>(&out[56], xxh3(ByteView(out).first(56)));
  return out;
}

// nullopt: never written, or torn.
std::optional<Entry> decode_entry(ByteView bytes) {
  if (load_le<std::uint64_t>(&bytes[56]) != xxh3(bytes.first(56))) return std::nullopt;
  const auto cursor = wal::Cursor::decode(bytes.subspan(32, wal::Cursor::kEncodedSize));
  if (!cursor) return std::nullopt;
  Entry entry;
  entry.counter = load_le<std::uint64_t>(&bytes[0]);
  entry.position.epoch = load_le<std::uint64_t>(&bytes[8]);
  entry.position.seq = load_le<std::uint64_t>(&bytes[16]);
  entry.position.sum = load_le<std::uint64_t>(&bytes[24]);
  entry.cursor = *cursor;
  return entry;
}

template <typename Visit>
void for_each_entry(const File& file, const Visit& visit) {
  Bytes bytes(AppliedRing::kCapacity * AppliedRing::kEntrySize);
  const auto got = file.read(AppliedRing::kHeaderSize, bytes);
  for (std::size_t at = 0; at + AppliedRing::kEntrySize <= got; at += AppliedRing::kEntrySize) {
    if (auto entry = decode_entry(ByteView(bytes).subspan(at, AppliedRing::kEntrySize))) {
      visit(*entry);
    }
  }
}

// Frame 0 stands for an empty generation; SQLite keeps whatever checksum was there before it.
wal::Cursor normalized(wal::Cursor cursor) {
  if (cursor.frame == 0) cursor.checksum = {};
  return cursor;
}

}  // namespace

AppliedRing::AppliedRing(const std::string& path, const StreamId& stream, const std::string& vfs)
    : file_(path, File::Mode::create, vfs), stream_(stream) {
  if (!header_fits()) {
    begin_anew();
    return;
  }
  for_each_entry(file_,
                 [&](const Entry& entry) { counter_ = std::max(counter_, entry.counter + 1); });
}

std::optional<AppliedRing> AppliedRing::open_read_only(const std::string& path,
                                                       const StreamId& stream,
                                                       const std::string& vfs) {
  if (!File::exists(path, vfs)) return std::nullopt;
  AppliedRing ring(File(path, File::Mode::read_only, vfs), stream);
  HeaderBytes found{};
  if (ring.file_.read(0, found) != found.size() || found != encode_header(stream)) {
    return std::nullopt;
  }
  return ring;
}

bool AppliedRing::header_fits() {
  HeaderBytes found{};
  if (file_.read(0, found) != found.size()) return false;
  if (std::memcmp(found.data(), kMagic, 16) == 0 &&
      load_le<std::uint64_t>(&found[56]) == xxh3(ByteView(found).first(56)) &&
      load_le<std::uint32_t>(&found[16]) > kVersion) {
    throw ConfigError(file_.path() + " was written by a newer version of understudy; update it");
  }
  return found == encode_header(stream_);
}

void AppliedRing::begin_anew() {
  file_.truncate(0);
  file_.write(0, encode_header(stream_));
  file_.sync();
}

std::optional<Position> AppliedRing::find(const wal::Cursor& cursor) const {
  // Salts of zero mean that there is no WAL: that names no state at all.
  if (cursor.salts == wal::Salts{}) return std::nullopt;
  const auto wanted = normalized(cursor);
  std::optional<Entry> newest;
  for_each_entry(file_, [&](const Entry& entry) {
    if (entry.cursor == wanted && (!newest || entry.counter > newest->counter)) newest = entry;
  });
  if (!newest) return std::nullopt;
  return newest->position;
}

void AppliedRing::append(const Position& position, const wal::Cursor& cursor) {
  const auto slot = counter_ % kCapacity;
  file_.write(kHeaderSize + slot * kEntrySize,
              encode_entry({counter_, position, normalized(cursor)}));
  ++counter_;
}

void AppliedRing::sync() {
  file_.sync();
}

}  // namespace understudy
