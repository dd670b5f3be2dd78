// SegmentReader: one segment file. What it is, is checked when it is opened; each batch when the
// file is gone through for the first time. A damaged batch costs its records, not those around it.
//
// Memory: 40 bytes a batch, and one window of the file. One thread.
#pragma once

#include "common/archive/segment_format.h"
#include "common/file/file.h"

#include <vector>

namespace understudy {

struct SegmentDamage {
  std::uint64_t offset = 0;  // in the file
  Seq from = 0;              // the records that are not to be had: from …
  Seq until = 0;             // … until
  std::string what;          // for people
};

class SegmentReader {
 public:
  // Throws IoError; CorruptionError for what is no whole segment; ConfigError for one of a newer
  // version.
  explicit SegmentReader(const std::string& path);

  [[nodiscard]] const std::string& path() const { return file_.path(); }
  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  [[nodiscard]] const SegmentFooter& footer() const { return footer_; }
  [[nodiscard]] std::uint64_t bytes() const { return size_; }

  // Batches from the one that holds the part on, until `max_bytes` (at least one). Empty: the part
  // is not in it. Throws CorruptionError when that batch is damaged; those behind are left out from
  // a damaged one on.
  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes);
  // Goes through the file.
  [[nodiscard]] const std::vector<SegmentDamage>& damages();

 private:
  struct Item {
    PartKey first;
    PartKey next;
    std::uint64_t at = 0;  // of the batch
    std::size_t size = 0;
  };
  // Bytes of the file; valid until the next call. Shorter at the end of the file.
  [[nodiscard]] ByteView view(std::uint64_t offset, std::size_t size);
  void read_header();
  void read_footer();
  void scan();
  void take_frame(std::uint64_t at, ByteView frame, std::uint64_t index);
  void remember(std::uint64_t at, const char* what);
  void note_missing(PartKey part);
  [[noreturn]] void refuse(std::string_view why) const;

  File file_;
  std::uint64_t size_ = 0;
  SegmentHeader header_;
  SegmentFooter footer_;
  std::uint64_t seed_ = 0;
  std::uint64_t frames_end_ = 0;

  bool is_scanned_ = false;
  PartKey next_;         // while it is gone through: the part that must come
  std::string trouble_;  // since the last good batch; empty: none
  std::uint64_t trouble_at_ = 0;
  std::vector<Item> items_;
  std::vector<SegmentDamage> damages_;

  Bytes window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace understudy
