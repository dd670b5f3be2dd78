// Base64 (RFC 4648, with padding), as JSON gateways have keys and values. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace understudy {

[[nodiscard]] std::string to_base64(std::string_view bytes);
// nullopt: it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace understudy
