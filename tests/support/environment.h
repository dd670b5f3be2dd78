// Numbers that a person sets for a test run: seeds and how many of them.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace understudy {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace understudy
