// Finding: what one look found, and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace understudy::doctor {

enum class Mark { ok, note, warning, problem };

struct Finding {
  std::string subject;  // database, WAL, disk, node, machine, network, files
  Mark mark = Mark::ok;
  std::string text;    // one line
  std::string advice;  // what to do; empty: nothing
};

using Findings = std::vector<Finding>;

[[nodiscard]] std::string_view to_string(Mark mark);

}  // namespace understudy::doctor
