#include "common/backend/epoch_table.h"

#include "common/core/byte_order.h"
#include "common/core/hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

void put(Bytes& out, std::uint64_t value) {
  out.resize(out.size() + sizeof value);
  store_le(out.data() + out.size() - sizeof value, value);
}

void put(Bytes& out, const std::string& text) {
  put(out, text.size());
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint64_t checksum(const EpochStart& start, std::uint64_t before) {
  Bytes bytes;
  put(bytes, start.epoch);
  put(bytes, start.node);
  put(bytes, start.tenure);
  put(bytes, start.first_seq);
  put(bytes, start.sum);
  put(bytes, as_unsigned(start.time_us));
  put(bytes, start.reason);
  return xxh3(bytes, before);
}

[[noreturn]] void damaged(const std::string& path, std::string_view what) {
  throw CorruptionError(fmt::format("{} is damaged: {}", path, what));
}

EpochStart read_row(const Statement& rows) {
  return {.epoch = as_unsigned(rows.integer(0)),
          .node = rows.text(1),
          .tenure = as_unsigned(rows.integer(2)),
          .first_seq = as_unsigned(rows.integer(3)),
          .sum = as_unsigned(rows.integer(4)),
          .time_us = rows.integer(5),
          .reason = rows.text(6)};
}

bool has_table(Connection& connection) {
  return connection.query_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'epoch'") == 1;
}

}  // namespace

History read_history(Connection& connection, const StreamId& stream) {
  if (connection.query_integer("PRAGMA user_version") == 1) {
    return {unrecorded_first_epoch(stream)};
  }
  return read_epoch_table(connection);
}

History read_epoch_table(Connection& connection) {
  if (!has_table(connection)) damaged(connection.path(), "there is no table epoch");
  History history;
  std::uint64_t sum = 0;
  auto rows = connection.prepare(
      "SELECT epoch, node, tenure, first_seq, sum, time_us, reason, checksum FROM epoch "
      "ORDER BY epoch < 0, epoch");
  while (rows.step()) {
    history.push_back(read_row(rows));
    sum = checksum(history.back(), sum);
    if (as_unsigned(rows.integer(7)) != sum) {
      damaged(connection.path(),
              fmt::format("the row of epoch {} does not fit its checksum", history.back().epoch));
    }
  }
  return history;
}

void write_history(Connection& connection, const History& history) {
  connection.execute("DELETE FROM epoch");
  auto insert = connection.prepare("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  std::uint64_t sum = 0;
  for (const auto& start : history) {
    sum = checksum(start, sum);
    insert.bind(1, as_signed(start.epoch))
        .bind(2, start.node)
        .bind(3, as_signed(start.tenure))
        .bind(4, as_signed(start.first_seq))
        .bind(5, as_signed(start.sum))
        .bind(6, start.time_us)
        .bind(7, start.reason)
        .bind(8, as_signed(sum))
        .run();
  }
}

History history_of(const History& history, const Position& position) {
  auto found = up_to(history, position);
  if (!found) {
    throw CorruptionError(fmt::format(
        "a history of {} epochs, the last one {}, does not lead to position {}", history.size(),
        history.empty() ? 0 : history.back().epoch, position.to_string()));
  }
  return std::move(*found);
}

void check_history(const History& history, const Position& last, const std::string& path) {
  if (history.empty() || history.back().epoch != last.epoch) {
    damaged(path, fmt::format("the history ends with epoch {}, the log at {}",
                              history.empty() ? 0 : history.back().epoch, last.to_string()));
  }
}

}  // namespace understudy
