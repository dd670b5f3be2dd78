// Lines stay lines and JSON stays JSON whatever they hold; progress speaks seldom off a terminal.
#include "common/core/thread_subject.h"
#include "common/logging/line_text.h"
#include "common/logging/log.h"
#include "common/logging/progress.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

using namespace understudy;

TEST_CASE("log: where a process runs several nodes, an event says whose it is, once") {
  const ThreadSubject of(std::make_shared<const std::string>("/d/a b.db"));
  CHECK(log::render_text("gap", "a hole", {{"seq", 7u}}) ==
        "gap: a hole seq=7 database=\"/d/a b.db\"");
  CHECK(log::render_json("gap", "m", {}) ==
        R"("event":"gap","message":"m","database":"/d/a b.db")");
  CHECK(log::render_text("e", "m", {{"database", "c.db"}}) == "e: m database=c.db");
}

TEST_CASE("an event has one text line") {
  CHECK(log::render_text("gap", "a hole", {{"seq", 7u}, {"lag_ms", 1.5}, {"ok", true}}) ==
        "gap: a hole seq=7 lag_ms=1.5 ok=true");
  CHECK(log::render_text("e", "m", {{"path", "a b"}}) == "e: m path=\"a b\"");
  const auto hostile = log::render_text("e", "line\nbreak\033[2J", {{"p", "x\r\ny"}});
  CHECK(hostile.find_first_of("\n\r\033") == hostile.npos);
}

TEST_CASE("an event is one JSON object whatever its texts hold") {
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  const auto line = "{" + log::render_json("e", every_byte, {{"n", -3}, {"t", every_byte}}) + "}";
  const auto parsed = nlohmann::json::parse(line);
  CHECK(parsed["n"] == -3);
  CHECK(parsed["event"] == "e");
  CHECK(line.find('\n') == line.npos);
  CHECK(nlohmann::json::parse(log::json_text("\xc3\xa4\xf0\x9f\x90\x98")) ==
        "\xc3\xa4\xf0\x9f\x90\x98");
  CHECK(nlohmann::json::parse(log::json_text("\xed\xa0\x80\xc0\xaf")).is_string());
  CHECK(log::json_number(1.0 / 0.0) == "null");
}

TEST_CASE("off a terminal: nothing for short work, a line every five seconds for long work") {
  std::int64_t now_us = 0;
  std::vector<std::string> said;
  const auto progress =
      make_line_progress([&](const ProgressMeter& meter,
                             bool ended) { said.push_back(ended ? "end" : meter.summary()); },
                         [&] { return now_us; });
  progress->begin("short", 100, ProgressUnit::pages);
  progress->advance(100);
  progress->end();
  CHECK(said.empty());
  progress->begin("long", 120, ProgressUnit::bytes);
  for (int second = 1; second <= 12; ++second) {
    now_us += 1'000'000;
    progress->advance(static_cast<std::uint64_t>(10 * second));
  }
  progress->end();
  CHECK(said == std::vector<std::string>{" 41 % 50 B of 120 B, 10 B/s, 7.0 s left",
                                         " 83 % 100 B of 120 B, 10 B/s, 2.0 s left", "end"});
}

TEST_CASE("a meter bears unknown totals, work beyond the total, and a clock that stands") {
  ProgressMeter unknown("x", 0, ProgressUnit::records, 0);
  unknown.advance(5, 0);
  CHECK(unknown.summary() == "5 records");
  CHECK_FALSE(unknown.seconds_left());
  ProgressMeter beyond("x", 10, ProgressUnit::pages, 0);
  beyond.advance(20, 1'000'000);
  CHECK(beyond.fraction() == 1.0);
  CHECK(beyond.seconds_left() == 0.0);
  CHECK(beyond.bar(100).find(std::string(24, '#')) != std::string::npos);
}

TEST_CASE("sizes and times for people") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes((1u << 20) - 1) == "1.0 MiB");
  CHECK(format_bytes(~std::uint64_t{0}) == "16.0 EiB");
  CHECK(format_seconds(0.26) == "0.3 s");
  CHECK(format_seconds(59.7) == "1 min 00 s");
  CHECK(format_seconds(7500) == "2 h 05 min");
}
