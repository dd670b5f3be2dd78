// The cursor as it stands in a row of table batch: with a checksum, for nothing else covers it
// (schemas/backend.sql). Pure; any thread.
#pragma once

#include "common/core/types.h"

#include <optional>

namespace understudy {

// Empty for an empty cursor.
[[nodiscard]] Bytes seal_cursor(ByteView cursor, std::int64_t row_id);
// nullopt: these bytes were not sealed for this row, or are damaged.
[[nodiscard]] std::optional<Bytes> open_cursor(ByteView sealed, std::int64_t row_id);

}  // namespace understudy
