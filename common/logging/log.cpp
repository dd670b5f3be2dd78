#include "common/logging/log.h"

#include "common/core/thread_subject.h"
#include "common/logging/line_text.h"
#include "common/logging/recent_events.h"
#include "common/logging/terminal.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace understudy::log {
namespace {

constexpr std::string_view kSubjectField = "database";
constexpr const char* kTextPattern = "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

std::string_view colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "\033[36m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    case spdlog::level::err:
      return "\033[31m\033[1m";
    default:
      return "\033[32m";
  }
}

// Writes whole lines above the progress bar, when there is one.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    std::string line(buffer.data(), buffer.size());
    if (message.color_range_end > message.color_range_start &&
        Terminal::standard_error().colours()) {
      line.insert(message.color_range_end, "\033[0m");
      line.insert(message.color_range_start, colour_of(message.level));
    }
    Terminal::standard_error().write_line(line);
  }
  void flush_() override {}
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

struct Destination {
  std::shared_ptr<spdlog::logger> logger;
  Format format = Format::text;
};

std::shared_ptr<spdlog::logger> make_logger(const Options& options) {
  auto logger = std::make_shared<spdlog::logger>("understudy", std::make_shared<StderrSink>());
  const bool json = options.format == Format::json;
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      json ? kJsonPattern : kTextPattern,
      json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local));
  logger->set_level(to_spdlog(options.level));
  return logger;
}

Destination& destination() {
  static Destination instance{make_logger(Options{}), Format::text};
  return instance;
}

}  // namespace

std::optional<Level> parse_level(std::string_view text) {
  if (text == "debug") return Level::debug;
  if (text == "info") return Level::info;
  if (text == "warning") return Level::warning;
  if (text == "error") return Level::error;
  if (text == "off") return Level::off;
  return std::nullopt;
}

std::optional<Format> parse_format(std::string_view text) {
  if (text == "text") return Format::text;
  if (text == "json") return Format::json;
  return std::nullopt;
}

void set_up(const Options& options) {
  destination() = {make_logger(options), options.format};
}

bool is_enabled(Level level) {
  return destination().logger->should_log(to_spdlog(level));
}

void write(Level level, std::string_view event, std::string_view message, Fields fields) {
  remember_event(level, event, message, fields);
  if (!is_enabled(level)) return;
  const bool json = destination().format == Format::json;
  const auto line =
      json ? render_json(event, message, fields) : render_text(event, message, fields);
  destination().logger->log(to_spdlog(level), spdlog::string_view_t(line));
}

namespace {

void append_text(std::string& line, const Field& field) {
  line += fmt::format(" {}=", field.name);
  std::visit(
      [&line](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
          line += quote_if_needed(value);
        } else {
          line += fmt::format("{}", value);
        }
      },
      field.value);
}

void append_json(std::string& line, const Field& field) {
  line += fmt::format(",{}:", json_text(field.name));
  std::visit(
      [&line](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          line += json_text(value);
        } else if constexpr (std::is_same_v<T, double>) {
          line += json_number(value);
        } else {
          line += fmt::format("{}", value);
        }
      },
      field.value);
}

// Whose event it is, where there are several: the event itself may have said so.
bool names_subject(Fields fields) {
  return thread_subject() == nullptr ||
         std::ranges::any_of(fields, [](const auto& field) { return field.name == kSubjectField; });
}

}  // namespace

std::string render_text(std::string_view event, std::string_view message, Fields fields) {
  auto line = fmt::format("{}: {}", event, message);
  for (const auto& field : fields) append_text(line, field);
  if (!names_subject(fields)) append_text(line, {kSubjectField, *thread_subject()});
  return escape_control(line);
}

std::string render_json(std::string_view event, std::string_view message, Fields fields) {
  auto line = fmt::format(R"("event":{},"message":{})", json_text(event), json_text(message));
  for (const auto& field : fields) append_json(line, field);
  if (!names_subject(fields)) append_json(line, {kSubjectField, *thread_subject()});
  return line;
}

}  // namespace understudy::log
