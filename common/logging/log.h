// Log: one event a line on stderr, each with a stable event name (docs/OPERATING.md lists them).
//
//   log::info("resync_started", "pages differ, resyncing", {{"pages", 17}, {"peer", name}});
//
// text:  2026-01-31 12:00:00.123 info  resync_started: pages differ, resyncing pages=17 peer=b
// json:  {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"resync_started",
//         "message":"pages differ, resyncing","pages":17,"peer":"b"}
//
// Where one process runs several nodes each event says whose it is, by a field `database`
// (common/core/thread_subject.h).
//
// Any thread, after set_up() has been called once at the start of main; before that, lines go out
// as text at level info. spdlog does the work; its headers are included in log.cpp only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace understudy::log {

enum class Level { debug, info, warning, error, off };
enum class Format { text, json };

struct Options {
  Level level = Level::info;
  Format format = Format::text;
};

std::optional<Level> parse_level(std::string_view text);    // debug, info, warning, error, off
std::optional<Format> parse_format(std::string_view text);  // text, json

void set_up(const Options& options);
[[nodiscard]] bool is_enabled(Level level);

// A named value of an event. Names are snake_case with the unit last ("lag_ms"), and not one of
// time, level, event, message. Texts are borrowed: they must live until the call returns.
struct Field {
  using Value = std::variant<std::int64_t, std::uint64_t, double, bool, std::string_view>;

  template <typename T>
  Field(std::string_view field_name, const T& field_value)
      : name(field_name), value(convert(field_value)) {}

  std::string_view name;
  Value value;

 private:
  template <typename T>
  static Value convert(const T& from) {
    if constexpr (std::is_same_v<T, bool>) {
      return from;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(from);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return static_cast<std::int64_t>(from);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<std::uint64_t>(from);
    } else {
      return std::string_view(from);
    }
  }
};

using Fields = std::initializer_list<Field>;

void write(Level level, std::string_view event, std::string_view message, Fields fields);

inline void debug(std::string_view event, std::string_view message, Fields fields = {}) {
  write(Level::debug, event, message, fields);
}
inline void info(std::string_view event, std::string_view message, Fields fields = {}) {
  write(Level::info, event, message, fields);
}
inline void warning(std::string_view event, std::string_view message, Fields fields = {}) {
  write(Level::warning, event, message, fields);
}
inline void error(std::string_view event, std::string_view message, Fields fields = {}) {
  write(Level::error, event, message, fields);
}

// What write() hands to the line's formatter; for tests.
std::string render_text(std::string_view event, std::string_view message, Fields fields);
std::string render_json(std::string_view event, std::string_view message, Fields fields);

}  // namespace understudy::log
