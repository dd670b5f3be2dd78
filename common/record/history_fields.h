// A history as fields of a file: how many epochs (4 bytes), then each: epoch, tenure, first_seq,
// sum, time (8 bytes each), node and reason (texts). As in schemas/snapshot.md and segment.md. Pure.
#pragma once

#include "common/core/byte_fields.h"
#include "common/record/history.h"

namespace understudy {

void put_history(FieldWriter& out, const History& history);
// What is there, unchecked: is_sound() tells whether it is a history.
[[nodiscard]] History get_history(FieldReader& in);

}  // namespace understudy
