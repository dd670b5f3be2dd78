#include "common/record/delta.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/record/varint.h"

#include <algorithm>
#include <bit>

namespace understudy {
namespace {

// Ranges this close become one: a range of its own costs two to four bytes of skip and length.
constexpr std::size_t kMergeGap = 4;

// Where two pages differ, eight bytes at a time.
class Comparison {
 public:
  Comparison(ByteView before, ByteView after)
      : before_(before.data()), after_(after.data()), size_(before.size()) {}

  // The first byte from `at` on that differs; the size when there is none.
  [[nodiscard]] std::size_t next_difference(std::size_t at) const {
    for (; at + 32 <= size_; at += 32) {
      if ((changed(at) | changed(at + 8) | changed(at + 16) | changed(at + 24)) != 0) break;
    }
    for (; at + 8 <= size_; at += 8) {
      const auto bits = changed(at);
      if (bits != 0) return at + static_cast<std::size_t>(std::countr_zero(bits)) / 8;
    }
    while (at < size_ && before_[at] == after_[at]) ++at;
    return at;
  }

  // The end of the range that begins with the difference at `at`: behind it kMergeGap bytes or
  // more are equal, or all up to the end.
  [[nodiscard]] std::size_t range_end(std::size_t at) const {
    std::size_t end = at + 1;
    for (std::size_t i = end; i < size_ && i - end < kMergeGap;) {
      if (i + 8 <= size_ && all_bytes_differ(changed(i))) {
        end = i += 8;
      } else if (before_[i] != after_[i]) {
        end = ++i;
      } else {
        ++i;
      }
    }
    return end;
  }

 private:
  [[nodiscard]] std::uint64_t changed(std::size_t at) const {
    return load_le<std::uint64_t>(before_ + at) ^ load_le<std::uint64_t>(after_ + at);
  }
  static bool all_bytes_differ(std::uint64_t bits) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    return ((bits - kOnes) & ~bits & (kOnes << 7)) == 0;  // no byte of it is zero
  }

  const std::byte* before_;
  const std::byte* after_;
  std::size_t size_;
};

}  // namespace

bool encode_delta(ByteView before, ByteView after, Bytes& out) {
  US_ASSERT(before.size() == after.size(), "a page keeps its size for the life of its database");
  const Comparison pages(before, after);
  const std::size_t start = out.size();
  std::size_t done = 0;
  for (auto at = pages.next_difference(0); at < before.size(); at = pages.next_difference(done)) {
    const auto end = pages.range_end(at);
    append_varint(out, static_cast<std::uint32_t>(at - done));
    append_varint(out, static_cast<std::uint32_t>(end - at));
    const auto content = after.subspan(at, end - at);
    out.insert(out.end(), content.begin(), content.end());
    done = end;
    if (out.size() - start >= before.size()) {
      out.resize(start);
      return false;
    }
  }
  return true;
}

bool apply_delta(std::span<std::byte> page, ByteView delta) {
  std::size_t at = 0;
  while (!delta.empty()) {
    std::uint32_t skip = 0;
    std::uint32_t length = 0;
    if (!take_varint(delta, skip) || !take_varint(delta, length)) return false;
    if (length == 0 || length > delta.size()) return false;
    if (skip > page.size() - at || length > page.size() - at - skip) return false;
    at += skip;
    std::copy_n(delta.begin(), length, page.begin() + static_cast<std::ptrdiff_t>(at));
    at += length;
    delta = delta.subspan(length);
  }
  return true;
}

}  // namespace understudy
