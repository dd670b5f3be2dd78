// The state sum of a pinned state, from all its pages.
#pragma once

#include "cli/pinned_state.h"
#include "common/logging/progress.h"

#include <optional>
#include <string>

namespace understudy {

// `at`: a prefix that can be read. nullopt: gave way to somebody's checkpoint.
[[nodiscard]] std::optional<StateSum> sum_pages(PinnedState& pinned, const wal::Cursor& at,
                                                const std::string& what, Progress& progress);

}  // namespace understudy
