// What `understudy doctor` prints: a line for each finding, and beneath it what to do; or JSON.
#pragma once

#include "doctor/examine.h"

#include <string>
#include <vector>

namespace understudy {

struct Examined {
  std::string database;
  doctor::Findings findings;
};

void print_examined(const std::vector<Examined>& all, bool json);
[[nodiscard]] bool has_problem(const std::vector<Examined>& all);

}  // namespace understudy
