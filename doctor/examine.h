// All looks at one node, and what they found.
#pragma once

#include "doctor/facts.h"
#include "doctor/finding.h"

namespace understudy::doctor {

// Sorted by subject. Throws nothing for what is wrong with the patient.
[[nodiscard]] Findings examine(const Patient& patient);

}  // namespace understudy::doctor
