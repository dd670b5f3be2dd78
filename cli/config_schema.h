// The JSON Schema of configuration files, made of the options' definitions:
// schemas/config.schema.json is what this answers, and a test holds it to that.
#pragma once

#include <string>

namespace understudy {

[[nodiscard]] std::string config_schema();

}  // namespace understudy
