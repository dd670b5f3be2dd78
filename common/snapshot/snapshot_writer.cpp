#include "common/snapshot/snapshot_writer.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/file/new_name.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

using namespace snapshot_format;

constexpr int kCompressionLevel = 1;
// The kernel must not be left with more than this to write: the fsyncs of others, the application's
// among them, would wait for all of it.
constexpr std::uint64_t kSyncEvery = 32ull << 20;

// What a run that died has left. Anything else under that name is somebody's.
void remove_left_over(const std::string& path, const std::string& vfs) {
  if (!File::exists(path, vfs)) return;
  Bytes begin(kHeaderSize);
  begin.resize(File(path, File::Mode::read_only, vfs).read(0, begin));
  const bool is_blank = std::ranges::all_of(begin, [](std::byte b) { return b == std::byte{0}; });
  if (!is_blank && decode_header(begin).verdict == HeaderVerdict::foreign) {
    throw ConfigError(path + " is in the way, and no unfinished snapshot; move it elsewhere");
  }
  File::remove(path, vfs);
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::string partial, const SnapshotHeader& header, std::string vfs)
    : partial_(std::move(partial)),
      vfs_(std::move(vfs)),
      header_(header),
      context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
  if (context_ == nullptr) throw std::bad_alloc();
  remove_left_over(partial_, vfs_);
  file_ = std::make_unique<File>(partial_, File::Mode::create, vfs_);
  const auto encoded = encode_header(header);
  seed_ = encoded.seed;
  write(encoded.bytes);
}

SnapshotWriter::~SnapshotWriter() {
  if (is_named_) return;
  file_.reset();
  try {
    File::remove(partial_, vfs_);
  } catch (const IoError&) {
    // The next run removes it.
  }
}

void SnapshotWriter::add_pages(Seq as_of, PageNo first, ByteView contents) {
  const auto count = static_cast<PageNo>(contents.size() / header_.page_size);
  US_ASSERT(first == counted_.pages + 1 && count != 0 && counted_.batches == 0,
            "readers expect the pages in order, before all batches");
  compressed_.resize(contents.size());
  const auto size = ZSTD_compressCCtx(context_.get(), compressed_.data(), contents.size() - 1,
                                      contents.data(), contents.size(), kCompressionLevel);
  const bool shorter = ZSTD_isError(size) == 0;  // there was no room for it
  const auto payload = shorter ? ByteView(compressed_).first(size) : contents;
  add({.type = FrameType::pages,
       .codec = shorter ? Codec::zstd : Codec::raw,
       .as_of = as_of,
       .first = first,
       .count = count},
      payload);
  counted_.pages += count;
  counted_.page_bytes += payload.size();
}

void SnapshotWriter::add_batch(ByteView blob) {
  add({.type = FrameType::batch}, blob);
  ++counted_.batches;
  counted_.batch_bytes += blob.size();
}

bool SnapshotWriter::finish(SnapshotFooter& footer, const std::string& path) {
  footer.pages = counted_.pages;
  footer.page_bytes = counted_.page_bytes;
  footer.batches = counted_.batches;
  footer.batch_bytes = counted_.batch_bytes;
  const Trailer trailer{offset_, frames_};
  add({.type = FrameType::footer}, encode_footer(footer));
  write(encode_trailer(trailer, seed_));
  failure_point("snapshot_written");
  file_->sync();
  file_.reset();
  failure_point("snapshot_synced");
  is_named_ = give_new_name(partial_, path);
  failure_point("snapshot_named");
  return is_named_;
}

void SnapshotWriter::add(const FrameHead& head, ByteView payload) {
  write(encode_head(head, payload, seed_, frames_++));
  write(payload);
  if (offset_ - synced_ < kSyncEvery) return;
  file_->sync();
  synced_ = offset_;
}

void SnapshotWriter::write(ByteView bytes) {
  file_->write(offset_, bytes);
  offset_ += bytes.size();
}

}  // namespace understudy
