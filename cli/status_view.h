// A Status for people: an aligned table, and one line for logs. Pure.
#pragma once

#include "common/node/status.h"

#include <optional>
#include <string>

namespace understudy {

// Several lines, each ended by a line break. `rate`: transactions a second, when known.
std::string render_status(const Status& status, bool colours, std::optional<double> rate = {});
// "primary publishing 1/42/00c0… 2 standbys, lag 0.001 s"
std::string render_status_line(const Status& status, std::optional<double> rate = {});

// The part of `text` that fits into so many columns and lines: what wraps or scrolls spoils the
// next redraw. Colours take no room and end with their line.
std::string fit_screen(const std::string& text, int columns, int lines);

}  // namespace understudy
