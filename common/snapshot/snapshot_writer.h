// SnapshotWriter: makes a snapshot file. Everything goes into a file beside; only finish() gives it
// the name, durable and whole, and never in place of another file.
//
// One thread. Throws IoError (is_disk_full() tells a full disk).
#pragma once

#include "common/file/file.h"
#include "common/snapshot/snapshot_format.h"

#include <memory>

struct ZSTD_CCtx_s;

namespace understudy {

class SnapshotWriter {
 public:
  // Makes the file `partial`; what is there under that name is left over, and goes.
  SnapshotWriter(std::string partial, const SnapshotHeader& header, std::string vfs = {});
  // Removes the file beside, unless it got its name.
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // Pages that follow on those before; at most snapshot_format::pages_per_block().
  void add_pages(Seq as_of, PageNo first, ByteView contents);
  // After all pages.
  void add_batch(ByteView blob);
  // Bytes in the file so far.
  [[nodiscard]] std::uint64_t bytes() const { return offset_; }
  // Pages and bytes in `footer` are filled in. Durable under the name from its return; false, and
  // the file beside is gone: something has that name already.
  [[nodiscard]] bool finish(SnapshotFooter& footer, const std::string& path);

 private:
  void add(const snapshot_format::FrameHead& head, ByteView payload);
  void write(ByteView bytes);

  std::string partial_;
  std::string vfs_;
  std::unique_ptr<File> file_;
  SnapshotHeader header_;
  std::uint64_t seed_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t frames_ = 0;
  SnapshotFooter counted_;
  Bytes compressed_;
  std::unique_ptr<ZSTD_CCtx_s, std::size_t (*)(ZSTD_CCtx_s*)> context_;
  bool is_named_ = false;
};

}  // namespace understudy
