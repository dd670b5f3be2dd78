// ArchiveLog: segments that follow on, read as one log.
//
// Segments are opened when they are read: one at a time. One thread.
#pragma once

#include "common/archive/archive_folder.h"
#include "common/archive/segment_reader.h"
#include "common/backend/backend.h"

#include <memory>
#include <vector>

namespace understudy {

// Opens a segment, and holds it against its name. Throws IoError, CorruptionError, ConfigError.
[[nodiscard]] std::unique_ptr<SegmentReader> open_segment(const ArchiveFolder& folder,
                                                          const SegmentName& name);

class ArchiveLog final : public LogReader {
 public:
  // `run`: of join_segments(). Reads the first and the last of them. Throws as open_segment() does.
  ArchiveLog(ArchiveFolder folder, std::vector<SegmentName> run);

  [[nodiscard]] const StreamId& stream() const { return stream_; }

  [[nodiscard]] LogBounds bounds() override { return bounds_; }
  [[nodiscard]] std::vector<Bytes> read(PartKey from, std::size_t max_bytes) override;
  [[nodiscard]] std::optional<Position> position_at(Seq seq) override;
  [[nodiscard]] History history() override { return history_; }

 private:
  // The segment that holds the record; null: none does.
  [[nodiscard]] SegmentReader* open_holder(Seq seq);

  ArchiveFolder folder_;
  std::vector<SegmentName> run_;
  StreamId stream_;
  LogBounds bounds_;
  History history_;
  std::size_t opened_ = 0;  // index of reader_'s
  std::unique_ptr<SegmentReader> reader_;
};

}  // namespace understudy
