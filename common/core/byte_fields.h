// Fields of our own formats, one after another: numbers little-endian and of a fixed width, texts
// with a length of two bytes before them. Pure; any thread.
#pragma once

#include "common/core/byte_order.h"
#include "common/core/types.h"

#include <string>
#include <utility>

namespace understudy {

class FieldWriter {
 public:
  template <typename T>
  FieldWriter& put(T value) {
    const auto at = out_.size();
    out_.resize(at + sizeof value);
    store_le(out_.data() + at, value);
    return *this;
  }
  FieldWriter& put_text(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    put(static_cast<std::uint16_t>(text.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// After the first field that is not there everything is 0 or empty, and is_whole() is false.
class FieldReader {
 public:
  explicit FieldReader(ByteView bytes) : rest_(bytes) {}
  template <typename T>
  T get() {
    if (!take(sizeof(T))) return T{};
    return load_le<T>(taken_.data());
  }
  std::string get_text() {
    const auto size = get<std::uint16_t>();
    if (!take(size)) return {};
    return {reinterpret_cast<const char*>(taken_.data()), size};
  }
  [[nodiscard]] bool is_whole() const { return whole_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

 private:
  bool take(std::size_t size) {
    whole_ = whole_ && rest_.size() >= size;
    if (!whole_) return false;
    taken_ = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  ByteView rest_;
  ByteView taken_;
  bool whole_ = true;
};

}  // namespace understudy
