// RepeatedTrouble: when is a trouble that comes again and again worth another line in the log?
//
// At once when it is new or was away for a while; then after growing intervals, with the number of
// times it came meanwhile. Pure: the caller brings the time. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace understudy {

class RepeatedTrouble {
 public:
  // It came (again). A number: log it now; it came so often since the last line, 1 when it is new.
  std::optional<std::uint64_t> came(const std::string& text, std::int64_t now_us);

 private:
  std::string text_;
  std::uint64_t count_ = 0;  // since the last line
  std::int64_t interval_us_ = 0;
  std::int64_t last_us_ = 0;
  std::int64_t next_us_ = 0;
};

}  // namespace understudy
