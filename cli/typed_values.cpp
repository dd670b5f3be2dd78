#include "cli/typed_values.h"

#include "cli/units.h"
#include "common/core/errors.h"

#include <fmt/format.h>

namespace understudy {

Endpoint read_endpoint(const char* option, const std::string& text) {
  try {
    return Endpoint::parse(text);
  } catch (const ConfigError& error) {
    throw UsageError(fmt::format("{} {}", option, error.what()));
  }
}

std::vector<Endpoint> read_endpoints(const char* option, const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  endpoints.reserve(texts.size());
  for (const auto& text : texts) endpoints.push_back(read_endpoint(option, text));
  return endpoints;
}

std::int64_t read_duration_ms(const char* option, const std::string& text) {
  if (const auto value = parse_duration_ms(text)) return *value;
  throw UsageError(
      fmt::format("{} {}: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d", option, text));
}

std::uint64_t read_size(const char* option, const std::string& text) {
  if (const auto value = parse_size(text)) return *value;
  throw UsageError(
      fmt::format("{} {}: not a size; write e.g. 4096, 64MiB or 1.5GiB", option, text));
}

}  // namespace understudy
