// TOML of ours with places: what is wrong is said as FILE:LINE:COLUMN. Private to the room.
#pragma once

#include "common/toml/toml_document.h"

#include <string>
#include <string_view>

namespace understudy {

class TomlText {
 public:
  // Throws ConfigError where it is no TOML.
  TomlText(std::string_view text, std::string path);

  [[nodiscard]] const TomlNode& table() const { return table_; }
  [[noreturn]] void refuse(const TextPlace& where, std::string_view what) const;
  [[noreturn]] void refuse(std::string_view what) const;  // the file as a whole
  [[nodiscard]] const std::string& take_text(const TomlNode& node, std::string_view name) const;

 private:
  std::string path_;
  TomlNode table_;
};

}  // namespace understudy
