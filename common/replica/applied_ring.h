// AppliedRing: the file `applied` in the state directory: which WAL prefix of the replica shows
// which position.
//
// Question answered: after kill -9 or power loss, what exactly does the replica hold? An entry is
// written before the commit that it names can be recovered by anybody, and names the whole WAL
// prefix (salts and running checksum), so an entry that matches is proof, and whatever SQLite
// recovers after a kill is matched. Entries are not fsynced one by one: an entry that the disk lost
// only means that the position is found by the state sum instead. Format: schemas/applied.md.
//
// One thread at a time. Throws IoError.
#pragma once

#include "common/file/file.h"
#include "common/wal/wal_format.h"

namespace understudy {

class AppliedRing {
 public:
  static constexpr std::size_t kHeaderSize = 64;
  static constexpr std::size_t kEntrySize = 64;
  static constexpr std::uint64_t kCapacity = 8192;  // more commits than a WAL holds in daily work

  // Opens or creates. A file of another stream, or a damaged one, begins anew, empty. Throws
  // ConfigError for a newer version.
  AppliedRing(const std::string& path, const StreamId& stream, const std::string& vfs = {});

  // For a look from outside: opens read-only, changes nothing. nullopt: there is no such file, or
  // it is damaged, of another stream or version.
  static std::optional<AppliedRing> open_read_only(const std::string& path, const StreamId& stream,
                                                   const std::string& vfs = {});

  // The position that the newest entry with this cursor names.
  [[nodiscard]] std::optional<Position> find(const wal::Cursor& cursor) const;
  // Must be called before the commit frame of `cursor` is written, or its salts are published.
  void append(const Position& position, const wal::Cursor& cursor);
  // Durable from here: all entries.
  void sync();

 private:
  AppliedRing(File file, const StreamId& stream) : file_(std::move(file)), stream_(stream) {}
  bool header_fits();
  void begin_anew();

  File file_;
  StreamId stream_;
  std::uint64_t counter_ = 0;  // of entries ever written; the next goes to counter_ % kCapacity
};

}  // namespace understudy
