// An orphans file (schemas/orphans.sql): created, recognised, and read as the log that it was.
// Invariant: written in one transaction; without the row in table orphans it does not count.
// Belongs to one thread.
#pragma once

#include "common/backend/backend.h"
#include "common/sqlite/connection.h"

namespace understudy {

// Table orphans.
struct OrphansHead {
  StreamId stream;
  std::string node;
  Position fork;
  Position last;
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
  std::int64_t kept_us = 0;
  std::string why;
};

// What a file in the orphans folder is.
enum class OrphansKind : std::uint8_t {
  nothing,    // foreign, or its writing did not end (yet)
  records,    // written by keep_orphans()
  whole_log,  // a backend.db that was put aside
};

[[nodiscard]] OrphansKind recognise_orphans(const std::string& path, const std::string& vfs = {});

// Connects, for a write in one durable transaction; the tables are there, in the open transaction
// of the caller.
Connection connect_for_keeping(const std::string& path, const std::string& vfs);
void create_orphans_tables(Connection& connection);
void write_head(Connection& connection, const OrphansHead& head);

// nullopt: the writing did not end. CorruptionError: the row makes no sense.
[[nodiscard]] std::optional<OrphansHead> read_head(Connection& connection);

// The records of an orphans file as a log from fork to last.
std::unique_ptr<LogReader> open_orphans_log(const std::string& path, const std::string& vfs = {});

}  // namespace understudy
