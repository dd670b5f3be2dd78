// Stage: a resync on the standby's side: gathers the primary's pages in the file `resync-stage`
// of the state directory until they are one whole, proved state.
//
// Question answered: how do groups of pages that were read at different times become one state
// while nothing is pinned anywhere? Each group has an as_of, the seq that its pages were read at.
// A record t then changes exactly those pages whose group has as_of < t. After the record at the
// latest as_of all pages are of that seq, and the state sum on record proves it.
//
// Invariants
//  - The file is the database that it will be: page n at (n-1) * page_size; the rest is holes.
//  - A page comes from the stage (it was sent, or changed by a record) or from the local replica
//    (equal there). The replica is not applied to meanwhile; its hashes() are true.
//  - Nothing about progress is on disk but the pages: after a crash their hashes are computed anew
//    and offered, and what is right is not sent again.
//
// One thread (apply). Memory: 16 bytes a page and the overlay's budget.
#pragma once

#include "common/record/page_hashes.h"
#include "common/replica/replica.h"
#include "common/replica/write_behind.h"

namespace understudy {

struct StageOptions {
  std::string state_dir;
  std::string vfs;
  std::size_t overlay_bytes = 8 * 1024 * 1024;
};

class Stage {
 public:
  enum class Put {
    accepted,
    ignored,   // of a group that is there already
    refused,   // malformed, or not of a group that we ask for
    reshaped,  // the primary has another page size now: begin a new Stage
  };
  enum class Completion {
    proved,
    records_missing,  // the log does not reach latest() yet; call again
    records_lost,     // the log begins after earliest(), or is damaged: begin a new Stage
    mismatch,         // it is not the state that the sum on record says: begin a new Stage
  };

  // `outline`: the primary's now. `local`: the existing replica, nullptr for none, or one with
  // another page size. Takes over what an earlier attempt staged.
  Stage(const StageOptions& options, const StateOutline& outline, Replica* local);

  [[nodiscard]] PageNo group_count() const { return static_cast<PageNo>(as_of_.size()); }
  [[nodiscard]] PageNo groups_done() const { return groups_done_; }
  [[nodiscard]] bool is_done(PageNo group) const { return as_of_[group] != kNotYet; }
  // Pages first … first + count - 1, with the hashes of what we have of them.
  [[nodiscard]] PageRequest request(PageNo first, PageNo count) const;
  // A group: 1 MiB of pages, counted from 0; the last one is shorter.
  [[nodiscard]] PageNo group_first(PageNo group) const { return group * group_pages_ + 1; }
  [[nodiscard]] PageNo group_size(PageNo group) const;
  [[nodiscard]] Put put(const PageAnswer& answer);
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }

  // When all groups are done: the records that complete() needs are earliest()+1 … latest().seq.
  [[nodiscard]] Seq earliest() const { return outline_.position.seq; }
  [[nodiscard]] const Position& latest() const { return latest_; }
  [[nodiscard]] Completion complete(LogReader& log);

  // --- Once proved: the state at position() ---
  [[nodiscard]] bool is_proved() const { return proved_; }
  [[nodiscard]] const Position& position() const { return latest_; }
  [[nodiscard]] std::uint32_t page_size() const { return outline_.page_size; }
  [[nodiscard]] PageNo page_count() const { return page_count_; }
  [[nodiscard]] const PageHashes& hashes() const { return hashes_; }
  [[nodiscard]] PageHashes take_hashes() { return std::move(hashes_); }
  // Throws CorruptionError when the page is not what was proved.
  void read_page(PageNo page, std::span<std::byte> out);

  // Puts the proved stage in place as a new database, durably; then open it as a Replica and
  // adopt(). An existing database there (of another page size) is replaced if nobody has it
  // open, else ConfigError. Requires local == nullptr.
  void install(const std::string& path);
  // Removes the file of an attempt that is over.
  static void discard(const std::string& state_dir, const std::string& vfs = {});

 private:
  static constexpr Seq kNotYet = ~Seq{0};
  static std::string path_in(const std::string& state_dir) { return state_dir + "/resync-stage"; }

  [[nodiscard]] std::uint64_t offset_of(PageNo page) const {
    return (std::uint64_t{page} - 1) * page_size();
  }
  [[nodiscard]] bool is_staged(PageNo page) const;
  void set_staged(PageNo page);
  void take_over();
  [[nodiscard]] bool fits(const PageAnswer& answer) const;
  void store_pages(const PageAnswer& answer);
  [[nodiscard]] Seq as_of(PageNo page) const;
  [[nodiscard]] bool may_exist(PageNo page) const;
  [[nodiscard]] bool apply_part(const RecordPart& part);
  [[nodiscard]] bool apply_change(const PageChange& change);
  void load_page(PageNo page, std::span<std::byte> out);
  [[nodiscard]] bool write_dirty_pages();

  StageOptions options_;
  StateOutline outline_;
  Replica* local_;
  std::unique_ptr<File> file_;
  std::unique_ptr<WriteBehind> write_behind_;
  PageNo group_pages_;
  std::vector<Seq> as_of_;  // by group
  PageNo groups_done_ = 0;
  Position latest_;
  PageNo page_count_ = 0;  // of latest_
  PageHashes hashes_;
  std::vector<bool> staged_;  // by page - 1: its content is in the file
  std::unique_ptr<PageOverlay> overlay_;
  std::uint64_t received_bytes_ = 0;
  bool proved_ = false;
};

}  // namespace understudy
