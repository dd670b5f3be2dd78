#include "publisher/scan.h"

#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr std::uint32_t kSliceBytes = 1024 * 1024;  // some 0.3 ms: what a commit may wait for us

}  // namespace

Scan::Scan(wal::RawDatabase& database, Encoder& encoder)
    : database_(database), encoder_(encoder), content_(database.page_size()) {}

bool Scan::step(const WalTail& tail) {
  const auto lock_byte = lock_byte_page(database_.page_size());
  const auto slice = std::max<PageNo>(1, kSliceBytes / database_.page_size());
  const auto end = std::min<std::uint64_t>(tail.page_count(), std::uint64_t{next_} + slice - 1);
  for (; next_ <= end; ++next_) {
    if (next_ == lock_byte) continue;
    database_.read_page(next_, tail.cursor().frame, content_);
    encoder_.on_scanned_page(next_, content_, tail.cursor());
  }
  return next_ > tail.page_count();
}

}  // namespace understudy
