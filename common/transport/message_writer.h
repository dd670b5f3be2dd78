// Writer: fields into MessagePack. Private to the room: the codec's (message.cpp).
#pragma once

#include "common/transport/message_fields.h"

#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

namespace understudy {

struct ByteSink {
  Bytes& out;
  void write(const char* data, std::size_t size) {
    const auto* from = reinterpret_cast<const std::byte*>(data);
    out.insert(out.end(), from, from + size);
  }
};

// Packs each field that it is given. The overloads mirror those of Reader.
class Writer {
 public:
  explicit Writer(Bytes& out) : sink_{out}, packer_(sink_) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  void begin_array(std::size_t count) { packer_.pack_array(static_cast<std::uint32_t>(count)); }

  void put(std::uint64_t value) { packer_.pack_uint64(value); }
  void put(std::uint32_t value) { packer_.pack_uint32(value); }
  void put(std::int64_t value) { packer_.pack_int64(value); }
  void put(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
  void put(Verdict value) { put(static_cast<std::uint32_t>(value)); }
  void put(StandbyState value) { put(static_cast<std::uint32_t>(value)); }
  void put(RefusalCode value) { put(static_cast<std::uint32_t>(value)); }
  void put(PeerRole value) { put(static_cast<std::uint32_t>(value)); }
  void put(CommandKind value) { put(static_cast<std::uint32_t>(value)); }
  void put(const std::string& text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }
  void put(const StreamId& id) { put_bytes(id.bytes.data(), id.bytes.size()); }
  void put(const Bytes& bytes) { put_bytes(bytes.data(), bytes.size()); }
  void put(const PartKey& key) {
    begin_array(2);
    (*this)(key.seq, key.part);
  }
  void put(const Position& position) {
    begin_array(3);
    (*this)(position.epoch, position.seq, position.sum);
  }
  void put(const std::optional<Position>& position) {
    position ? put(*position) : static_cast<void>(packer_.pack_nil());
  }
  void put(const std::vector<Bytes>& blobs) {
    begin_array(blobs.size());
    for (const auto& blob : blobs) put(blob);
  }
  void put(const EpochStart& m) { nested(m); }
  void put(const PeerReport& m) { nested(m); }
  void put(const History& history) {
    begin_array(history.size());
    for (const auto& start : history) put(start);
  }
  // Integers in a row: little-endian, in one byte string (Writer and file formats alike run on
  // little-endian machines only, see byte_order.h).
  template <typename T>
  void put(const std::vector<T>& numbers) {
    put_bytes(numbers.data(), numbers.size() * sizeof(T));
  }

 private:
  template <typename T>
  void nested(const T& value) {
    begin_array(field_count<T>());
    fields(*this, value);
  }
  void put_bytes(const void* data, std::size_t size) {
    packer_.pack_bin(static_cast<std::uint32_t>(size));
    packer_.pack_bin_body(static_cast<const char*>(data), static_cast<std::uint32_t>(size));
  }

  ByteSink sink_;
  msgpack::packer<ByteSink> packer_;
};

}  // namespace understudy
