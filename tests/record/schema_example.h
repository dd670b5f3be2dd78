// The example of a page in schemas/, which is also what the tests hold the code to: the bytes of
// a fenced block of hexadecimal in it, without the comments.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace understudy::testing {

inline std::string schema_text(const std::string& name) {
  std::ifstream file(std::string(SCHEMAS_FOLDER) + "/" + name);
  if (!file) throw std::runtime_error("cannot read schemas/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The `index`th block of the page.
inline std::string schema_example(const std::string& name, int index = 0) {
  std::istringstream lines(schema_text(name));
  std::string example;
  bool is_inside = false;
  int block = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      is_inside = line == "```hex";
      if (is_inside) ++block;
    } else if (is_inside && block == index) {
      example += line.substr(0, line.find('#')) + " ";
    }
  }
  if (example.empty()) throw std::runtime_error("no example in schemas/" + name);
  return example;
}

}  // namespace understudy::testing
