// Values as people type them, checked, with words that name the option. Pure.
#pragma once

#include "common/core/types.h"
#include "common/transport/endpoint.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace understudy {

// What was typed cannot be. Begins with the option as it is typed: "--keep-bytes 12Q: not a size
// …".
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Each throws UsageError.
Endpoint read_endpoint(const char* option, const std::string& text);
std::vector<Endpoint> read_endpoints(const char* option, const std::vector<std::string>& texts);
std::int64_t read_duration_ms(const char* option, const std::string& text);
std::uint64_t read_size(const char* option, const std::string& text);

}  // namespace understudy
