// Table `epoch` of backend.db: the history of the log (schemas/backend.sql).
//
// Invariant: what is read fits its checksums, each of which covers all rows before it; anything
// else is a CorruptionError. A file of version 1 has no such table: its stream has epoch 1 alone.
// Belongs to the thread of the connection; within the caller's transaction.
#pragma once

#include "common/core/errors.h"
#include "common/record/history.h"
#include "common/sqlite/connection.h"

namespace understudy {

[[nodiscard]] History read_history(Connection& connection, const StreamId& stream);
// The same of any database that has the table.
[[nodiscard]] History read_epoch_table(Connection& connection);
// Replaces all rows.
void write_history(Connection& connection, const History& history);

// The history of a log that ends at `position`. CorruptionError: it is not one of that position.
[[nodiscard]] History history_of(const History& history, const Position& position);
// CorruptionError unless the history ends with the epoch of `last`.
void check_history(const History& history, const Position& last, const std::string& path);

}  // namespace understudy
