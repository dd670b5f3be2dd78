// SQLite's write-ahead log as bytes: header, frames, running checksum, positions.
// Source of the facts: https://sqlite.org/fileformat2.html#walformat and SQLite's wal.c.
// Pure functions; any thread.
#pragma once

#include "common/core/types.h"

namespace understudy::wal {

constexpr std::size_t kHeaderSize = 32;
constexpr std::size_t kFrameHeaderSize = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // last bit set: checksums over big-endian words
constexpr std::uint32_t kFormatVersion = 3007000;

using FrameNo = std::uint32_t;  // from 1; 0 is "before the first"

// The raw eight salt bytes of the WAL header, as they stand in file and wal-index alike.
struct Salts {
  std::array<std::byte, 8> bytes{};
  bool operator==(const Salts&) const = default;
};

// The running checksum. One frame's value names the whole prefix of the log up to it.
struct Checksum {
  std::uint32_t s1 = 0;
  std::uint32_t s2 = 0;
  bool operator==(const Checksum&) const = default;
};

// Runs on over `bytes` (a multiple of 8 long).
Checksum advance(Checksum from, ByteView bytes, bool big_endian_words);

// Names one committed prefix of one generation of a WAL; what positions are remembered by.
struct Cursor {
  Salts salts;
  FrameNo frame = 0;  // the last frame of the prefix
  Checksum checksum;  // of that frame (of the header for frame 0)
  bool operator==(const Cursor&) const = default;

  static constexpr std::size_t kEncodedSize = 20;  // salts, frame LE, s1 LE, s2 LE
  [[nodiscard]] std::array<std::byte, kEncodedSize> encode() const;
  static std::optional<Cursor> decode(ByteView bytes);
  [[nodiscard]] std::string to_string() const;
};

struct Header {
  bool big_endian_checksums = false;
  std::uint32_t page_size = 0;
  std::uint32_t checkpoint_number = 0;
  Salts salts;
  Checksum checksum;  // filled by encode(); checked by decode()

  void encode(std::span<std::byte, kHeaderSize> out);
  // nullopt: not a WAL header (magic, version, page size or checksum do not fit).
  static std::optional<Header> decode(ByteView bytes);
};

struct FrameHeader {
  PageNo page = 0;
  std::uint32_t page_count_after = 0;  // database size in pages; 0 in all but a commit frame
  Salts salts;
  Checksum checksum;

  static FrameHeader decode(std::span<const std::byte, kFrameHeaderSize> bytes);
  // Writes page, size and salts, and the checksum that follows `before` for this page's content;
  // returns that checksum.
  Checksum encode(std::span<std::byte, kFrameHeaderSize> out, Checksum before, ByteView content,
                  bool big_endian_words);
};

// The checksum of a frame (its 24 header bytes and content) that follows `before`.
Checksum frame_checksum(Checksum before, std::span<const std::byte, kFrameHeaderSize> header,
                        ByteView content, bool big_endian_words);

// Byte offset of a frame's header in the WAL file.
constexpr std::uint64_t frame_offset(FrameNo frame, std::uint32_t page_size) {
  return kHeaderSize + (std::uint64_t{frame} - 1) * (kFrameHeaderSize + page_size);
}

}  // namespace understudy::wal
