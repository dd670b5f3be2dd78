// SegmentWriter: makes a segment file. Everything goes into a file beside; only finish() gives it
// the name, durable and whole, and never in place of another file.
//
// One thread. Throws IoError (is_disk_full() tells a full disk).
#pragma once

#include "common/archive/segment_format.h"
#include "common/file/file.h"

#include <memory>

namespace understudy {

class SegmentWriter {
 public:
  // Makes the file `partial`; what is there under that name is left over, and goes.
  SegmentWriter(std::string partial, const SegmentHeader& header);
  // Removes the file beside, unless it got its name.
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // Follows on the one before (asserted); the first begins with the record after the base.
  void add_batch(const BatchView& batch);
  [[nodiscard]] std::uint64_t bytes() const { return offset_ + buffer_.size(); }
  // The last batch ends its record, so this may be the end.
  [[nodiscard]] bool is_at_record_end() const { return next_.part == 0 && footer_.batches != 0; }
  [[nodiscard]] Position last() const { return footer_.last; }
  // `history`: of the log, up to last(). Durable under its name in `folder` from its return; false,
  // and the file beside is gone: another one holds these records already.
  [[nodiscard]] bool finish(History history, const std::string& folder);
  // After finish().
  [[nodiscard]] const SegmentName& name() const { return name_; }

 private:
  void write(ByteView bytes);
  void flush();

  std::string partial_;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  SegmentFooter footer_;
  SegmentName name_;
  PartKey next_;
  std::uint64_t seed_ = 0;
  std::uint64_t offset_ = 0;  // of the file; buffer_ goes behind it
  std::uint64_t synced_ = 0;
  Bytes buffer_;
  bool is_named_ = false;
};

}  // namespace understudy
