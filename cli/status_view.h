// A Status for people: an aligned table, and one line for logs. Pure.
#pragma once

#include "common/node/status.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace understudy {

// What a live view knows beside the status: how it has been of late.
struct LiveView {
  std::optional<double> rate;                                   // transactions a second
  std::string rate_bars;                                        // of the last seconds (trend.h)
  std::string lag_bars;                                         // standby: its own
  std::map<std::string, std::string, std::less<>> lag_bars_of;  // by the standby's name
};

// Several lines, each ended by a line break. What is wrong stands before what is usual.
std::string render_status(const Status& status, bool colours, const LiveView& live = {});
// "primary publishing 1/42/00c0… 2 standbys, lag 0.001 s"
std::string render_status_line(const Status& status, std::optional<double> rate = {});

// The part of `text` that fits into so many columns and lines: what wraps or scrolls spoils the
// next redraw. Colours take no room and end with their line.
std::string fit_screen(const std::string& text, int columns, int lines);

}  // namespace understudy
