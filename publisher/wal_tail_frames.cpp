#include "publisher/wal_tail_frames.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

bool is_unsummed(const wal::FrameHeader& head, const wal::IndexHeader& header) {
  return head.salts == wal::Salts{} && head.checksum == wal::Checksum{} &&
         header.salts != wal::Salts{};
}

}  // namespace

FrameCopier::FrameCopier(wal::RawDatabase& database)
    : database_(database), frame_size_(wal::kFrameHeaderSize + database.page_size()) {
  piece_.resize(std::max<std::size_t>(kPieceBytes / frame_size_, 1) * frame_size_);
}

std::optional<wal::Cursor> FrameCopier::begin_generation(const wal::IndexHeader& header) {
  std::array<std::byte, wal::kHeaderSize> bytes{};
  if (database_.read_wal(0, bytes) != bytes.size()) return std::nullopt;
  const auto file = wal::Header::decode(bytes);
  if (!file || file->salts != header.salts || file->page_size != database_.page_size() ||
      file->big_endian_checksums != header.big_endian_checksums) {
    return std::nullopt;
  }
  return wal::Cursor{file->salts, 0, file->checksum};
}

std::optional<std::uint32_t> FrameCopier::find_prefix(const wal::Cursor& cursor,
                                                      const wal::IndexHeader& header) {
  if (cursor.salts != header.salts || cursor.frame > header.last_frame) return std::nullopt;
  // An empty WAL proves nothing: the last connection to close deletes what was in it since.
  if (cursor.frame == 0) return std::nullopt;
  if (cursor.frame == header.last_frame && cursor.checksum != header.checksum) return std::nullopt;
  std::array<std::byte, wal::kFrameHeaderSize> bytes{};
  const auto offset = wal::frame_offset(cursor.frame, database_.page_size());
  if (database_.read_wal(offset, bytes) != bytes.size()) return std::nullopt;
  const auto frame = wal::FrameHeader::decode(bytes);
  if (frame.salts != cursor.salts || frame.checksum != cursor.checksum ||
      frame.page_count_after == 0) {
    return std::nullopt;
  }
  return frame.page_count_after;
}

bool FrameCopier::read_piece(wal::FrameNo first, std::size_t count) {
  const auto wanted = std::span(piece_).first(count * frame_size_);
  return database_.read_wal(wal::frame_offset(first, database_.page_size()), wanted) ==
         wanted.size();
}

// The checksum that the chain goes on from; nullopt: this is not the frame that was committed.
std::optional<wal::Checksum> FrameCopier::verify(const wal::FrameHeader& head,
                                                 wal::Checksum computed, const Position& before,
                                                 const wal::IndexHeader& header) {
  const auto frame = before.cursor.frame + 1;
  const bool is_last = frame == header.last_frame;
  if (head.page == 0 || (is_last && head.page_count_after == 0)) return std::nullopt;
  if (is_unsummed(head, header)) {
    if (database_.index().page_of(frame) != head.page) return std::nullopt;
    return is_last ? header.checksum : wal::Checksum{};
  }
  if (head.salts != header.salts) return std::nullopt;
  const bool begins_anew = before.is_unsummed && database_.index().page_of(frame) == head.page;
  if (head.checksum != computed && !begins_anew) return std::nullopt;
  if (is_last && head.checksum != header.checksum) return std::nullopt;
  return head.checksum;
}

bool FrameCopier::hand_out(std::size_t index, Position& position, const wal::IndexHeader& header,
                           TailSink& sink) {
  const auto bytes = std::span<const std::byte>(piece_).subspan(index * frame_size_, frame_size_);
  const auto head_bytes = bytes.first<wal::kFrameHeaderSize>();
  const auto content = bytes.subspan(wal::kFrameHeaderSize);
  const auto head = wal::FrameHeader::decode(head_bytes);
  const auto computed = wal::frame_checksum(position.cursor.checksum, head_bytes, content,
                                            header.big_endian_checksums);
  const auto sum = verify(head, computed, position, header);
  if (!sum) return false;

  const wal::Cursor after{header.salts, position.cursor.frame + 1, *sum};
  sink.on_frame({after.frame, head.page, head.page_count_after, content, after,
                 after.frame >= position.exact_from});
  position.cursor = after;
  position.at_commit = head.page_count_after != 0;
  if (position.at_commit) position.page_count = head.page_count_after;
  position.is_unsummed = is_unsummed(head, header);
  if (position.is_unsummed) ++position.unsummed_frames;
  return true;
}

bool FrameCopier::copy(Position& position, const wal::IndexHeader& header, std::size_t budget,
                       TailSink& sink) {
  const std::size_t frames_in_piece = piece_.size() / frame_size_;
  std::size_t copied = 0;
  while (copied < budget && position.cursor.frame < header.last_frame) {
    const std::size_t left = header.last_frame - position.cursor.frame;
    const auto count = std::min({left, frames_in_piece, budget - copied});
    if (!read_piece(position.cursor.frame + 1, count)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!hand_out(i, position, header, sink)) return false;
      ++copied;
      if (position.at_commit && 2 * copied >= budget) return true;
    }
  }
  return true;
}

}  // namespace understudy
