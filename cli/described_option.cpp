#include "cli/described_option.h"

#include <algorithm>
#include <array>

namespace understudy {
namespace {

struct Choices {
  std::string_view command;  // empty: any
  std::string_view option;
  std::array<std::string_view, 5> words;
};

// cli/typed.cpp refuses any other.
constexpr std::array<Choices, 8> kChoices = {{
    {"", "--level", {"received", "durable", "applied"}},
    {"", "--sync-level", {"received", "durable", "applied"}},
    {"", "--when-unreplicated", {"wait", "degrade"}},
    {"", "--log-format", {"text", "json"}},
    {"", "--log-level", {"debug", "info", "warning", "error", "off"}},
    {"orphans", "ACTION", {"list", "show", "export", "discard"}},
    {"completion", "SHELL", {"bash", "zsh", "fish"}},
    {"log", "WHAT", {"list", "show", "stats", "check"}},
}};

// "N" of "N:INT in [0 - 64]": without what a check adds.
std::string bare_type(const std::string& type) {
  return type.substr(0, type.find(':'));
}

DescribedOption describe(const CLI::Option& option) {
  const bool is_flag = option.get_items_expected_max() == 0;
  DescribedOption described{.name = option.get_name(option.get_positional(), false),
                            .value = is_flag ? "" : bare_type(option.get_type_name()),
                            .text = option.get_description(),
                            .default_value = is_flag ? "" : option.get_default_str(),
                            .is_positional = option.get_positional(),
                            .is_required = option.get_required(),
                            .takes_several = option.get_expected_max() > 1};
  if (!described.is_positional && !option.get_lnames().empty()) {
    described.name = "--" + option.get_lnames().front();
  }
  return described;
}

}  // namespace

std::vector<DescribedOption> describe_options(const CLI::App& command) {
  std::vector<DescribedOption> options;
  for (const auto* option : command.get_options()) {
    if (!option->get_group().empty()) options.push_back(describe(*option));
  }
  return options;
}

std::vector<DescribedCommand> describe_commands(const CLI::App& app) {
  std::vector<DescribedCommand> commands;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;  // hidden
    DescribedCommand described{
        command->get_name(), command->get_description(), command->get_footer(), {}};
    described.options = describe_options(*command);
    commands.push_back(std::move(described));
  }
  return commands;
}

std::vector<std::string_view> choices_of(const DescribedCommand& command,
                                         const DescribedOption& option) {
  for (const auto& choices : kChoices) {
    if (choices.option != option.name) continue;
    if (!choices.command.empty() && choices.command != command.name) continue;
    std::vector<std::string_view> words(choices.words.begin(), choices.words.end());
    std::erase(words, std::string_view{});
    return words;
  }
  return {};
}

bool takes_path(const DescribedOption& option) {
  constexpr std::array<std::string_view, 3> kPathPositionals = {"DB", "WHAT", "FILE"};
  constexpr std::array<std::string_view, 5> kPaths = {"DIR", "FILE", "PATH", "DIRECTORY", "FOLDER"};
  if (option.is_positional) {
    return std::ranges::any_of(kPathPositionals,
                               [&](std::string_view name) { return option.name == name; });
  }
  return std::ranges::any_of(
      kPaths, [&](std::string_view path) { return option.value.find(path) != std::string::npos; });
}

}  // namespace understudy
