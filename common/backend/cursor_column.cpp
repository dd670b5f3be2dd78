#include "common/backend/cursor_column.h"

#include "common/core/byte_order.h"
#include "common/core/hash.h"

namespace understudy {
namespace {

constexpr std::size_t kSumSize = 8;

std::uint64_t sum_of(ByteView cursor, std::int64_t row_id) {
  return xxh3(cursor, static_cast<std::uint64_t>(row_id));
}

}  // namespace

Bytes seal_cursor(ByteView cursor, std::int64_t row_id) {
  if (cursor.empty()) return {};
  Bytes sealed(cursor.begin(), cursor.end());
  sealed.resize(cursor.size() + kSumSize);
  store_le(sealed.data() + cursor.size(), sum_of(cursor, row_id));
  return sealed;
}

std::optional<Bytes> open_cursor(ByteView sealed, std::int64_t row_id) {
  if (sealed.size() <= kSumSize) return std::nullopt;
  const auto cursor = sealed.first(sealed.size() - kSumSize);
  if (load_le<std::uint64_t>(sealed.data() + cursor.size()) != sum_of(cursor, row_id)) {
    return std::nullopt;
  }
  return Bytes(cursor.begin(), cursor.end());
}

}  // namespace understudy
