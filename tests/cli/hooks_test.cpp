// Hooks come through the command line, and through a configuration file, as they were written.
#include "cli/commands.h"
#include "cli/config_file.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <vector>

namespace understudy {
namespace {

const std::vector<std::string> kCommands = {
    "[ -e /x ]",       "[ a = b ] && [ c ]", "[]",        "echo a,b", "[ -e /x ],[ -e /y ]",
    "systemctl start", "'quoted'",           "a=b [ x ]", "[",        "echo \"[a]\""};

// A blank before it makes no difference to a shell.
std::string bare(const std::string& command) {
  return command.substr(std::min(command.find_first_not_of(' '), command.size()));
}

HookOptions hooks_of(std::vector<const char*> words) {
  words.insert(words.begin(), {"understudy", "publish", "a.db"});
  const auto line = parse_command_line(static_cast<int>(words.size()), words.data());
  REQUIRE(std::holds_alternative<NodeCommand>(line.command));
  return std::get<NodeCommand>(line.command).options.hooks;
}

TEST_CASE("hooks: whole on the command line, in two words or in one") {
  for (const auto& command : kCommands) {
    CHECK(bare(hooks_of({"--before-promote", command.c_str()}).before_promote) == command);
    const auto word = "--on-demote=" + command;
    CHECK(bare(hooks_of({word.c_str(), "--nice", "3"}).on_demote) == command);
  }
}

TEST_CASE("hooks: whole in a configuration file") {
  for (const auto& command : kCommands) {
    if (command.find('\'') != std::string::npos) continue;
    const auto read = parse_config(
        fmt::format("[[database]]\npath = 'a.db'\nrole = 'publish'\non-promote = '{}'\n", command),
        "/");
    REQUIRE(read.problems.empty());
    CHECK(bare(read.config.nodes.at(0).command.options.hooks.on_promote) == command);
  }
}

}  // namespace
}  // namespace understudy
