// Reads a snapshot. The end is found first (trailer, footer), then frames in order; whatever does
// not fit its checksum, its place or the footer is damage.
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/record/batch.h"
#include "common/snapshot/snapshot_format.h"

#include <fmt/format.h>
#include <zstd.h>

namespace understudy {
namespace {

using namespace snapshot_format;

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw CorruptionError(fmt::format("{} is no whole snapshot: {}", path, why));
}

class FileSnapshotReader final : public SnapshotReader {
 public:
  FileSnapshotReader(const std::string& path, const std::string& vfs);

  const std::string& path() const override { return file_.path(); }
  const SnapshotHeader& header() const override { return header_; }
  const SnapshotFooter& footer() const override { return footer_; }
  SnapshotFrame next() override;

 private:
  // The payload of a frame at `offset`, checked; nullopt: damage, and what_ says which.
  std::optional<FrameHead> read_frame(std::uint64_t offset, std::uint64_t end, std::uint64_t index);
  void read_header();
  void read_footer();
  SnapshotFrame take_pages(const FrameHead& head);
  SnapshotFrame take_batch();
  SnapshotFrame end();
  SnapshotFrame damage(std::string what);

  File file_;
  SnapshotHeader header_;
  SnapshotFooter footer_;
  Trailer trailer_;
  std::uint64_t seed_ = 0;

  std::uint64_t offset_ = kHeaderSize;
  std::uint64_t index_ = 0;
  bool is_over_ = false;
  Bytes payload_;
  std::string what_;

  // What went by so far.
  std::uint64_t pages_ = 0;
  std::uint64_t page_bytes_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t batch_bytes_ = 0;
  std::optional<PartKey> next_part_;

  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_{ZSTD_createDCtx(), &ZSTD_freeDCtx};
};

FileSnapshotReader::FileSnapshotReader(const std::string& path, const std::string& vfs)
    : file_(path, File::Mode::read_only, vfs) {
  if (context_ == nullptr) throw std::bad_alloc();
  read_header();
  read_footer();
}

void FileSnapshotReader::read_header() {
  Bytes bytes(kHeaderSize);
  bytes.resize(file_.read(0, bytes));
  const auto decoded = decode_header(bytes);
  switch (decoded.verdict) {
    case HeaderVerdict::whole:
      break;
    case HeaderVerdict::foreign:
      refuse(path(), "it does not begin like one");
    case HeaderVerdict::newer:
      throw ConfigError(
          fmt::format("{} is of format version {}, which this version of understudy "
                      "({}) does not know; use a newer one",
                      path(), decoded.version, UNDERSTUDY_VERSION));
    case HeaderVerdict::damaged:
      refuse(path(), "its header is damaged");
  }
  header_ = decoded.header;
  seed_ = decoded.seed;
}

void FileSnapshotReader::read_footer() {
  const auto size = file_.size();
  if (size < kHeaderSize + kFrameHeadSize + kTrailerSize) refuse(path(), "it is cut off");
  Bytes bytes(kTrailerSize);
  if (file_.read(size - kTrailerSize, bytes) != bytes.size()) refuse(path(), "it is cut off");
  const auto trailer = decode_trailer(bytes, seed_);
  if (!trailer) refuse(path(), "its end is cut off or damaged");
  trailer_ = *trailer;
  const auto end = size - kTrailerSize;
  if (trailer_.footer_at < kHeaderSize || trailer_.footer_at > end) {
    refuse(path(), "its end names a place outside of it");
  }
  const auto head = read_frame(trailer_.footer_at, end, trailer_.frames);
  if (!head) refuse(path(), "its footer is damaged: " + what_);
  const auto footer = head->type == FrameType::footer ? decode_footer(payload_) : std::nullopt;
  if (!footer || trailer_.footer_at + kFrameHeadSize + head->stored != end) {
    refuse(path(), "its footer is damaged");
  }
  footer_ = *footer;
}

std::optional<FrameHead> FileSnapshotReader::read_frame(std::uint64_t offset, std::uint64_t end,
                                                        std::uint64_t index) {
  std::array<std::byte, kFrameHeadSize> bytes{};
  if (end - offset < bytes.size() || file_.read(offset, bytes) != bytes.size()) {
    what_ = "a frame is cut off";
    return std::nullopt;
  }
  const auto head = decode_head(bytes, header_.page_size);
  if (!head || head->stored > end - offset - bytes.size()) {
    what_ = fmt::format("the head of frame {} makes no sense", index);
    return std::nullopt;
  }
  payload_.resize(head->stored);
  if (file_.read(offset + bytes.size(), payload_) != payload_.size()) {
    what_ = "a frame is cut off";
    return std::nullopt;
  }
  if (!fits(bytes, payload_, seed_, index)) {
    what_ = fmt::format("the checksum of frame {} does not fit", index);
    return std::nullopt;
  }
  return head;
}

SnapshotFrame FileSnapshotReader::next() {
  if (is_over_) return SnapshotEnd{};
  if (offset_ == trailer_.footer_at) return end();
  const auto head = read_frame(offset_, trailer_.footer_at, index_);
  if (!head) return damage(what_);
  auto frame = SnapshotFrame{SnapshotEnd{}};
  if (head->type == FrameType::pages) {
    frame = take_pages(*head);
  } else if (head->type == FrameType::batch) {
    frame = take_batch();
  } else {
    return damage("there is a second footer");
  }
  if (!is_over_) {
    offset_ += kFrameHeadSize + head->stored;
    ++index_;
  }
  return frame;
}

SnapshotFrame FileSnapshotReader::take_pages(const FrameHead& head) {
  if (head.first != pages_ + 1 || batches_ != 0) return damage("its pages are not in order");
  if (head.as_of < footer_.first_as_of || head.as_of > footer_.position.seq) {
    return damage(fmt::format("pages from {} on are as of record {}, which it does not cover",
                              head.first, head.as_of));
  }
  SnapshotPages pages{head.as_of, head.first, head.count, {}};
  if (head.codec == Codec::raw) {
    pages.contents = payload_;
  } else {
    pages.contents.resize(std::size_t{head.count} * header_.page_size);
    const auto size = ZSTD_decompressDCtx(context_.get(), pages.contents.data(),
                                          pages.contents.size(), payload_.data(), payload_.size());
    if (size != pages.contents.size()) return damage("pages of it do not decompress");
  }
  pages_ += head.count;
  page_bytes_ += head.stored;
  return pages;
}

SnapshotFrame FileSnapshotReader::take_batch() {
  const auto batch = BatchView::parse(payload_);
  if (!batch) return damage("a batch in it is damaged");
  const auto& header = batch->header;
  if (header.stream != header_.stream) return damage("a batch in it is of another stream");
  const bool follows = next_part_ ? header.first == *next_part_
                                  : header.first <= PartKey{footer_.first_as_of + 1, 0};
  if (!follows) return damage(fmt::format("records before {} are missing", header.first.seq));
  next_part_ = header.next();
  ++batches_;
  batch_bytes_ += payload_.size();
  return SnapshotBatch{payload_};
}

SnapshotFrame FileSnapshotReader::end() {
  if (index_ != trailer_.frames || pages_ != footer_.pages || page_bytes_ != footer_.page_bytes ||
      batches_ != footer_.batches || batch_bytes_ != footer_.batch_bytes) {
    return damage("it does not hold what its footer says");
  }
  const bool reaches = next_part_ ? *next_part_ >= PartKey{footer_.position.seq + 1, 0}
                                  : footer_.first_as_of == footer_.position.seq;
  if (!reaches) return damage("its records end before the state that it names");
  is_over_ = true;
  return SnapshotEnd{};
}

SnapshotFrame FileSnapshotReader::damage(std::string what) {
  is_over_ = true;
  return SnapshotDamage{offset_, std::move(what)};
}

}  // namespace

std::unique_ptr<SnapshotReader> open_snapshot(const std::string& path, const std::string& vfs) {
  return std::make_unique<FileSnapshotReader>(path, vfs);
}

}  // namespace understudy
