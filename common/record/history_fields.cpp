#include "common/record/history_fields.h"

namespace understudy {
namespace {

void put_epoch(FieldWriter& out, const EpochStart& start) {
  out.put(start.epoch).put(start.tenure).put(start.first_seq).put(start.sum).put(start.time_us);
  out.put_text(start.node).put_text(start.reason);
}

EpochStart get_epoch(FieldReader& in) {
  EpochStart start;
  start.epoch = in.get<Epoch>();
  start.tenure = in.get<std::uint64_t>();
  start.first_seq = in.get<Seq>();
  start.sum = in.get<StateSum>();
  start.time_us = in.get<std::int64_t>();
  start.node = in.get_text();
  start.reason = in.get_text();
  return start;
}

}  // namespace

void put_history(FieldWriter& out, const History& history) {
  out.put(static_cast<std::uint32_t>(history.size()));
  for (const auto& start : history) put_epoch(out, start);
}

History get_history(FieldReader& in) {
  History history;
  const auto epochs = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < epochs && in.is_whole(); ++i) history.push_back(get_epoch(in));
  return history;
}

}  // namespace understudy
