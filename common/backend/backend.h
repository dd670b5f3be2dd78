// Backend: the durable queue of records of one node.
//
// Invariants
//  - The log is one contiguous run of parts: each batch begins where the one before it ended, with
//    the sum_after of the one before as its sum_before, or the state of `base` for the first.
//  - append() returns only when the batches (and cursor) are fsynced; all of one call or nothing.
//  - After a crash a tail of parts whose record never ended is there; drop_open_tail() removes it.
//  - trim(), rewind() and reset() are the only ways in which whole records leave.
//  - The history ends with the epoch of bounds().last, and names every epoch before it that this
//    node knows of; trim() leaves it alone.
//
// A Backend belongs to one thread. Readers in other threads open a LogReader of their own.
#pragma once

#include "common/record/batch.h"
#include "common/record/history.h"

#include <memory>
#include <string>

namespace understudy {

// What the log spans. base is the state that the first stored record starts from.
struct LogBounds {
  Position base;            // state before the first record that the log holds
  Position last;            // state after the last whole record; == base when the log is empty
  PartKey next;             // part that append() expects
  std::uint64_t bytes = 0;  // of stored batches
  std::int64_t oldest_time_us = 0;  // commit time of the oldest batch; 0 when empty
  [[nodiscard]] Seq first_seq() const { return base.seq + 1; }  // == last.seq + 1 when empty
};

struct RetentionPolicy {
  std::uint64_t max_bytes = 1ull << 30;
  std::int64_t max_age_us = 24ll * 3600 * 1000 * 1000;
};

// Reads batches; cheap to open, one a thread. Sees only what is durable.
class LogReader {
 public:
  virtual ~LogReader() = default;
  [[nodiscard]] virtual LogBounds bounds() = 0;
  // Blobs from the batch that contains part `from` on, until `max_bytes` (at least one blob).
  // Empty: nothing there (yet, or no longer: compare with bounds()).
  [[nodiscard]] virtual std::vector<Bytes> read(PartKey from, std::size_t max_bytes) = 0;
  // The position after record `seq`; nullopt when the log does not cover it. base counts as
  // covered.
  [[nodiscard]] virtual std::optional<Position> position_at(Seq seq) = 0;
  // All epochs of the log and of what came before it; never empty.
  [[nodiscard]] virtual History history() = 0;
  // Bytes of the stored batches that hold records after `seq`; never less.
  [[nodiscard]] virtual std::uint64_t bytes_after(Seq seq) {
    const auto all = bounds();
    return seq < all.last.seq ? all.bytes : 0;
  }
};

// Moves the backend's own WAL into its file from another thread, while append() goes on. One
// object, one thread. Throws as Backend does; the appending thread is not harmed by a failure here.
class Upkeep {
 public:
  virtual ~Upkeep() = default;
  // Moves all that is committed by now. Milliseconds to a second: the thread waits for the disk.
  virtual void run() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual const StreamId& stream() const = 0;
  [[nodiscard]] virtual LogBounds bounds() const = 0;
  [[nodiscard]] virtual const History& history() const = 0;  // never empty

  // Appends batches that follow on (asserted), and sets `cursor` (opaque, for the publisher; may be
  // empty: unchanged) with them. DURABLE from its return: only now may they be sent on,
  // acknowledged or shown. Throws on failure, with nothing appended. Disk full and busy may be
  // tried again; any other failure is final: the object refuses all later writes, and only a new
  // open finds out what the disk holds (the failed batches may then be there, whole).
  // Epoch records go into the history with it. CorruptionError, nothing appended and the object as
  // good as before: a batch of a higher epoch does not begin with the record that opens it.
  virtual void append(std::span<const BatchView> batches, ByteView cursor) = 0;
  // Sets the cursor alone.
  virtual void set_cursor(ByteView cursor) = 0;
  [[nodiscard]] virtual Bytes cursor() = 0;

  virtual void drop_open_tail() = 0;
  // Forgets all records; the log begins anew after `base`, as part of this history (epochs after
  // base are left out: their records follow). CorruptionError, and nothing changed: it is not a
  // history of base. The cursor stays.
  virtual void reset(const Position& base, const History& history) = 0;
  // Takes back all records > keep_until, an open tail and the epochs that they opened; empties the
  // cursor. Durable from its return; after a crash done or not begun. Requires bounds().base.seq <=
  // keep_until. Whoever may still need the records keeps them before (common/orphans).
  virtual void rewind(Seq keep_until) = 0;
  // Drops the oldest whole records beyond the policy, none with seq > keep_after, up to the end of
  // a batch that ends its record. Returns how many records. The space of what was dropped is freed
  // in bounded steps, at most about 64 MiB a call, and reused by later batches.
  virtual std::uint64_t trim(const RetentionPolicy& policy, Seq keep_after) = 0;
  // Moves its own WAL into the file, after which the next append() begins it anew. Takes as long as
  // wal_backlog() is large; call when idle, and every second or so.
  virtual void checkpoint() = 0;
  // Bytes in its own WAL that are not in the file yet. Any thread. Beyond kWalBacklogTarget an
  // Upkeep should run (in a thread of its own where latency matters, else checkpoint()); append()
  // then does the short rest itself. Without either the WAL stops growing at kWalLimit: append()
  // moves it all, and is slow that once.
  [[nodiscard]] virtual std::uint64_t wal_backlog() const = 0;
  static constexpr std::uint64_t kWalBacklogTarget = 8u << 20;
  static constexpr std::uint64_t kWalLimit = 64u << 20;
  [[nodiscard]] virtual std::unique_ptr<Upkeep> open_upkeep() const = 0;

  [[nodiscard]] virtual std::unique_ptr<LogReader> open_reader() const = 0;
};

// The embedded default: an SQLite database (schemas/backend.sql), synchronous=FULL.
// Opens or creates; a created one belongs to `stream` and starts at `base`, with `history` up to
// there (a new stream: begin_first_epoch()). Throws ConfigError when the file is of another stream
// or a newer version, CorruptionError when damaged. A file of an earlier version is upgraded.
std::unique_ptr<Backend> open_sqlite_backend(const std::string& path, const StreamId& stream,
                                             const Position& base, const History& history,
                                             const std::string& vfs = {});
// Opens an existing one, whatever its stream; ConfigError when there is none.
std::unique_ptr<Backend> open_sqlite_backend(const std::string& path, const std::string& vfs = {});
// False: there is none, or only what an unfinished creation left behind.
[[nodiscard]] bool sqlite_backend_exists(const std::string& path, const std::string& vfs = {});
// Puts all of its WAL into the file, durably, so that the file alone is the log; of a log that
// nobody writes. False: a reader still reads an earlier state, or the disk is full; try again.
[[nodiscard]] bool fold_sqlite_backend(const std::string& path);
// Whose log a backend.db is. Throws as opening one does.
[[nodiscard]] StreamId stream_of_sqlite_backend(const std::string& path);
// Reads the log of a backend.db that another process may be writing.
std::unique_ptr<LogReader> open_sqlite_log_reader(const std::string& path,
                                                  const std::string& vfs = {});

}  // namespace understudy
