#include "cli/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace understudy {
namespace {

// A line of text that roff takes for nothing but text.
std::string roff(const std::string& text) {
  std::string escaped;
  if (!text.empty() && (text.front() == '.' || text.front() == '\'')) escaped = "\\&";
  for (const char sign : text) {
    if (sign == '\\')
      escaped += "\\e";
    else if (sign == '-')
      escaped += "\\-";
    else if (sign == '\'')
      escaped += "\\(aq";
    else
      escaped += sign;
  }
  return escaped;
}

std::string in_parentheses(const DescribedOption& option) {
  if (option.is_required && !option.is_positional) return " (must be given)";
  if (option.default_value.empty() || option.default_value == "[]") return "";
  return roff(" (default: " + option.default_value + ")");
}

std::string entry(const DescribedOption& option) {
  auto head = "\\fB" + roff(option.name) + "\\fR";
  if (option.is_positional) head = "\\fI" + roff(option.name) + "\\fR";
  if (!option.value.empty() && !option.is_positional) head += " \\fI" + roff(option.value) + "\\fR";
  return fmt::format(".TP\n{}\n{}{}\n", head, roff(option.text), in_parentheses(option));
}

std::string synopsis(const DescribedCommand& command) {
  auto line = fmt::format("\\fBunderstudy {}\\fR", roff(command.name));
  for (const auto& option : command.options) {
    if (option.is_positional) {
      const auto name = "\\fI" + roff(option.name) + "\\fR";
      line += option.is_required ? " " + name : " [" + name + "]";
    } else if (option.is_required) {
      line += fmt::format(" \\fB{}\\fR \\fI{}\\fR", roff(option.name), roff(option.value));
    }
  }
  return line + " [\\fIoptions\\fR]";
}

// Examples keep their lines.
std::string footer_text(const std::string& footer) {
  std::istringstream lines(footer);
  std::string text = ".PP\n.EX\n";
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() && text.size() < 12) continue;  // the blank line that --help begins with
    text += line.empty() ? ".sp\n" : roff(line) + "\n";
  }
  return text + ".EE\n";
}

const DescribedCommand* find_command(const std::vector<DescribedCommand>& commands,
                                     std::string_view name) {
  const auto found = std::ranges::find(commands, name, &DescribedCommand::name);
  return found == commands.end() ? nullptr : &*found;
}

bool has(const DescribedCommand* command, const DescribedOption& option) {
  return command != nullptr && std::ranges::find(command->options, option.name,
                                                 &DescribedOption::name) != command->options.end();
}

// A key of a file is the long option without its dashes; these are said on the command line alone.
bool is_key(const DescribedOption& option) {
  return !option.is_positional && option.name != "--help";
}

std::string key_entry(const DescribedOption& option, const char* of_whom) {
  auto key = option;
  key.name = option.name.substr(2);
  if (key.value.empty()) key.value = "= true";
  auto text = entry(key);
  text.pop_back();
  return fmt::format("{}{}\n", text, of_whom);
}

}  // namespace

std::string manual_of_commands(const std::vector<DescribedCommand>& commands) {
  std::string text;
  for (const auto& command : commands) {
    text += fmt::format(".SS {}\n{}\n.PP\n{}.\n", roff(command.name), synopsis(command),
                        roff(command.text));
    for (const auto& option : command.options) text += entry(option);
    text += footer_text(command.footer);
  }
  return text;
}

std::string manual_of_keys(const std::vector<DescribedCommand>& commands) {
  const auto* publish = find_command(commands, "publish");
  const auto* subscribe = find_command(commands, "subscribe");
  std::string text;
  for (const auto* command : {publish, subscribe}) {
    if (command == nullptr) continue;
    for (const auto& option : command->options) {
      const bool by_both = has(publish, option) && has(subscribe, option);
      if (!is_key(option) || (by_both && command == subscribe)) continue;
      const char* of_whom = command == publish ? " [of a database that begins as primary]"
                                               : " [of a database that begins as standby]";
      text += key_entry(option, by_both ? "" : of_whom);
    }
  }
  return text;
}

}  // namespace understudy
