// A moment as people name it, and the record that it means.
#pragma once

#include "common/backend/backend.h"

#include <optional>
#include <string>
#include <string_view>

namespace understudy {

// RFC 3339 ("2026-11-24T14:03:00Z", "2026-11-24 14:03:00.5+01:00"; seconds may be left out) or a
// duration before `now_us` ("15m ago", "2h ago", "1d ago"). Microseconds since 1970; nullopt: it is
// neither.
[[nodiscard]] std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_us);

// When the record was committed; of one that fills many batches: when its first was. Throws
// CorruptionError when the log lacks it.
[[nodiscard]] std::int64_t commit_time(LogReader& log, Seq seq);

// The last record that was committed at `time_us` or before; the log's base when there is none.
// Takes the times in the log to rise, as clocks that are kept right make them. Throws
// CorruptionError.
[[nodiscard]] Seq last_record_until(LogReader& log, std::int64_t time_us);

}  // namespace understudy
