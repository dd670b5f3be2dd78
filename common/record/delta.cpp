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
// Shorter ranges are not searched for a shift, and shorter shifts not worth it.
constexpr std::size_t kShortestShift = 12;
// By what SQLite's cell pointers move (https://sqlite.org/fileformat2.html#b_tree_pages).
constexpr std::size_t kPointerSize = 2;

enum class Shift : std::uint8_t { up = 1, down = 2 };

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

  // How many bytes from after[to] on are those from before[from] on.
  [[nodiscard]] std::size_t moved(std::size_t from, std::size_t to) const {
    const auto limit = size_ - std::max(from, to);
    std::size_t length = 0;
    while (length + 8 <= limit && load_le<std::uint64_t>(before_ + from + length) ==
                                      load_le<std::uint64_t>(after_ + to + length)) {
      length += 8;
    }
    while (length < limit && before_[from + length] == after_[to + length]) ++length;
    return length;
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

void append_shift(Bytes& out, Shift shift, std::size_t length) {
  append_varint(out, 0);  // no range has this length
  out.push_back(static_cast<std::byte>(shift));
  append_varint(out, kPointerSize);
  append_varint(out, static_cast<std::uint32_t>(length));
}

// The range [at, end) as a shift, when its first bytes are one. Returns the end of what it covers,
// or `at`: there is none.
std::size_t encode_shift(const Comparison& pages, ByteView after, std::size_t at, std::size_t end,
                         Bytes& out) {
  if (end - at < kShortestShift) return at;
  const auto up = at + kPointerSize;
  if (const auto length = pages.moved(at, up); length + kPointerSize >= kShortestShift) {
    append_shift(out, Shift::up, length);
    const auto opened = after.subspan(at, kPointerSize);
    out.insert(out.end(), opened.begin(), opened.end());
    return up + length;
  }
  if (const auto length = pages.moved(up, at); length >= kShortestShift) {
    append_shift(out, Shift::down, length);
    return at + length;
  }
  return at;
}

void encode_range(ByteView content, Bytes& out) {
  append_varint(out, static_cast<std::uint32_t>(content.size()));
  out.insert(out.end(), content.begin(), content.end());
}

// A shift at the place that `rest` begins at. Takes it off the delta; returns how many bytes of the
// page it covers, 0: malformed.
std::size_t apply_shift(std::span<std::byte> rest, ByteView& delta) {
  if (delta.empty()) return 0;
  const auto shift = static_cast<Shift>(delta.front());
  delta = delta.subspan(1);
  std::uint32_t by = 0;
  std::uint32_t length = 0;
  if (!take_varint(delta, by) || !take_varint(delta, length)) return 0;
  if (by == 0 || length == 0 || by > rest.size() || length > rest.size() - by) return 0;
  if (shift == Shift::up) {
    if (by > delta.size()) return 0;
    std::copy_backward(rest.begin(), rest.begin() + length, rest.begin() + by + length);
    std::copy_n(delta.begin(), by, rest.begin());
    delta = delta.subspan(by);
    return std::size_t{by} + length;
  }
  if (shift != Shift::down) return 0;
  std::copy_n(rest.begin() + by, length, rest.begin());
  return length;
}

}  // namespace

bool encode_delta(ByteView before, ByteView after, Bytes& out) {
  US_ASSERT(before.size() == after.size(), "a page keeps its size for the life of its database");
  const Comparison pages(before, after);
  const std::size_t start = out.size();
  std::size_t done = 0;
  for (auto at = pages.next_difference(0); at < before.size(); at = pages.next_difference(done)) {
    const auto end = pages.range_end(at);
    append_varint(out, static_cast<std::uint32_t>(at - done));
    done = encode_shift(pages, after, at, end, out);
    if (done == at) {
      encode_range(after.subspan(at, end - at), out);
      done = end;
    }
    if (out.size() - start >= before.size()) {
      out.resize(start);
      return false;
    }
  }
  return true;
}

bool apply_delta(std::span<std::byte> page, ByteView delta) {
  auto rest = page;
  while (!delta.empty()) {
    std::uint32_t skip = 0;
    std::uint32_t length = 0;
    if (!take_varint(delta, skip) || !take_varint(delta, length)) return false;
    if (skip >= rest.size()) return false;
    rest = rest.subspan(skip);
    if (length == 0) {
      const auto covered = apply_shift(rest, delta);
      if (covered == 0) return false;
      rest = rest.subspan(covered);
      continue;
    }
    if (length > delta.size() || length > rest.size()) return false;
    std::copy_n(delta.begin(), length, rest.begin());
    rest = rest.subspan(length);
    delta = delta.subspan(length);
  }
  return true;
}

}  // namespace understudy
