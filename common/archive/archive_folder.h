// ArchiveFolder: the folder of an archive: which stream it is of, which segments and snapshots are
// in it.
//
//   DIRECTORY/understudy-archive   a line: format version and stream id. Made first
//   DIRECTORY/segments/            schemas/segment.md
//   DIRECTORY/snapshots/           schemas/snapshot.md
//
// Invariants
//  - The folder itself is never made: one that is missing is a disk that is not there.
//  - A name once given is never given to other bytes; what is unfinished is named *.partial.
//
// Any number of nodes may write into it. What is assumed of the disk: a file can be made, written,
// and renamed within its folder. One thread an object. Throws IoError.
#pragma once

#include "common/archive/segment.h"
#include "common/core/errors.h"
#include "common/snapshot/snapshot.h"

#include <string>
#include <vector>

namespace understudy {

// "<seq, 20 digits>-<epoch>-<sum>.snapshot": states of one number on two branches differ in it.
[[nodiscard]] std::string archived_snapshot_name(const Position& position);

class ArchiveFolder {
 public:
  // Names the folder only.
  explicit ArchiveFolder(std::string path);

  // Anything of an archive in it: the mark, or segments.
  [[nodiscard]] bool is_archive() const;
  // Whose it is; nullopt: the mark is not there. CorruptionError: it makes no sense; ConfigError:
  // of a newer version.
  [[nodiscard]] std::optional<StreamId> stream() const;
  // Makes the mark where the folder is empty. Throws ConfigError: it is of another stream, it holds
  // other things, or it is not there; the message says what to do. `was_there`: it has been one,
  // so nothing is made anew.
  void claim(const StreamId& stream, bool was_there) const;

  // By their first record. Other files are passed over.
  [[nodiscard]] std::vector<SegmentName> segments() const;
  // Of all segments.
  [[nodiscard]] std::uint64_t bytes() const;
  // Names of the snapshots, by their seq.
  [[nodiscard]] std::vector<std::string> snapshots() const;

  // The files in a folder that end so, in order; none when there is no such folder.
  [[nodiscard]] static std::vector<std::string> names_in(const std::string& folder,
                                                         std::string_view suffix);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string segments_folder() const { return path_ + "/segments"; }
  [[nodiscard]] std::string snapshots_folder() const { return path_ + "/snapshots"; }
  [[nodiscard]] std::string path_of(const SegmentName& name) const;

 private:
  [[nodiscard]] std::string mark() const { return path_ + "/understudy-archive"; }
  void make_mark(const StreamId& stream) const;

  std::string path_;
};

}  // namespace understudy
