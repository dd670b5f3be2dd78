#include "common/http/traffic.h"

namespace understudy::http {

std::string_view to_string(Drop drop) {
  switch (drop) {
    case Drop::no_room:
      return "no_room";
    case Drop::too_slow:
      return "too_slow";
    case Drop::not_taken:
      return "not_taken";
    case Drop::bad_request:
      return "bad_request";
    case Drop::left:
      break;
  }
  return "left";
}

Traffic::Reading Traffic::read() const {
  Reading reading{.accepted = accepted_, .open = open_};
  for (std::size_t i = 0; i < kDrops; ++i) reading.dropped[i] = dropped_[i];
  return reading;
}

}  // namespace understudy::http
