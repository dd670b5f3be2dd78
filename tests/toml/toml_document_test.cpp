// parse_toml and nearest_name: places, kinds, and what is near.
#include "common/toml/toml_document.h"

#include <doctest/doctest.h>

#include <string>

namespace understudy {
namespace {

TomlNode parsed(std::string_view text) {
  const auto result = parse_toml(text);
  REQUIRE(std::holds_alternative<TomlNode>(result));
  return std::get<TomlNode>(result);
}

TEST_CASE("toml: each key and value has its place, in the order of the file") {
  const auto document = parsed("z = 1\na = \"é\" # x\n\n[[t]]\n  k.l = [true, 2.5]\n");
  REQUIRE(document.members.size() == 3);
  CHECK(document.members[0].name == "z");
  CHECK(document.members[0].value.at == TextPlace{1, 5});
  CHECK(document.members[1].value.text == "é");
  const auto& table = document.members[2].value.items.at(0);
  CHECK(table.at == TextPlace{4, 1});
  const auto& list = table.members.at(0).value.members.at(0);
  CHECK(list.name == "l");
  CHECK(list.at == TextPlace{5, 5});
  CHECK(list.value.items.at(0).kind == TomlNode::Kind::boolean);
  CHECK(list.value.items.at(1).text == "2.5");
  CHECK(document.find("a") != nullptr);
  CHECK(document.find("b") == nullptr);
}

TEST_CASE("toml: what is no TOML has a place too") {
  for (const std::string text : {"x = ", "[a", "a = 1\na = 2\n", "a = \"\x01\"", "= 1", "\xff"}) {
    const auto result = parse_toml(text);
    REQUIRE(std::holds_alternative<TomlError>(result));
    CHECK(std::get<TomlError>(result).at.line >= 1);
    CHECK(!std::get<TomlError>(result).text.empty());
  }
}

TEST_CASE("toml: a document nested without end is refused") {
  const auto result = parse_toml("a = " + std::string(100'000, '['));
  CHECK(std::holds_alternative<TomlError>(result));
}

TEST_CASE("nearest_name: slips of the hand, not other words") {
  const std::vector<std::string> known{"keep-bytes", "keep-age", "listen", "never-lock",
                                       "sync-level"};
  CHECK(nearest_name("keep-byte", known) == "keep-bytes");
  CHECK(nearest_name("keep_bytes", known) == "keep-bytes");
  CHECK(nearest_name("Listen", known) == "listen");
  CHECK(nearest_name("lsiten", known) == "listen");
  CHECK(nearest_name("neverlock", known) == "never-lock");
  CHECK(nearest_name("level", known) == "sync-level");
  CHECK(nearest_name("colour", known).empty());
  CHECK(nearest_name(std::string(100'000, 'a'), known).empty());
  CHECK(nearest_name("", known).empty());
}

}  // namespace
}  // namespace understudy
