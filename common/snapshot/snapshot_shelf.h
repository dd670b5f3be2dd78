// SnapshotShelf: a node's folder of snapshots, held against its log. Which of them lead on into the
// log, what the log must keep for them, and which may go.
//
// Invariants
//  - The newest snapshot of the log's own history is never removed.
//  - A snapshot of another stream is neither counted nor removed.
// One thread.
#pragma once

#include "common/backend/backend.h"
#include "common/snapshot/snapshot.h"

namespace understudy {

class SnapshotShelf {
 public:
  SnapshotShelf(std::string folder, const StreamId& stream);

  // Reads the folder anew; makes it, and removes what a run that died left in it.
  void open();
  void add(SnapshotEntry entry);
  // Holds every snapshot against the log as it is now.
  void look(LogReader& log);
  // Removes those that retention no longer asks for. After look(). Returns how many.
  std::size_t trim(const RetentionPolicy& policy, std::int64_t now_us, LogReader& log);

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // The newest of the log's history; null: none.
  [[nodiscard]] const SnapshotEntry* newest() const;
  // The newest from which every later record of the log can be applied; null: none.
  [[nodiscard]] const SnapshotEntry* newest_connected() const;
  // The records after this one are needed by a snapshot here; kNoSnapshotFloor: none is.
  [[nodiscard]] Seq floor() const;
  [[nodiscard]] const SnapshotEntry* find(const Position& position) const;

 private:
  enum class Place {
    connected,  // the log goes on from it
    behind,     // the log begins later
    strayed,    // its state is not one of this log (any more)
  };
  struct Item {
    SnapshotEntry entry;
    Place place = Place::behind;
  };
  [[nodiscard]] static Place place_of(const SnapshotEntry& entry, const LogBounds& bounds,
                                      const History& history, LogReader& log);
  [[nodiscard]] bool may_go(std::size_t index, const RetentionPolicy& policy, std::int64_t now_us,
                            LogReader& log) const;

  std::string folder_;
  StreamId stream_;
  std::vector<Item> items_;  // oldest position first
};

}  // namespace understudy
