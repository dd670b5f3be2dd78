#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace understudy {
namespace {

std::string names_of(const std::vector<DescribedCommand>& commands) {
  std::string names;
  for (const auto& command : commands) names += command.name + " ";
  return names + "help";
}

std::string option_names(const DescribedCommand& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options) {
    if (!option.is_positional) names.push_back(option.name);
  }
  return fmt::format("{}", fmt::join(names, " "));
}

// What may stand in a positional's place beside files: the words of an ACTION.
std::string positional_words(const DescribedCommand& command) {
  std::vector<std::string_view> words;
  for (const auto& option : command.options) {
    if (!option.is_positional) continue;
    for (const auto word : choices_of(command, option)) words.push_back(word);
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Within single quotes of a POSIX shell.
std::string quoted(const std::string& text) {
  return "'" + replaced(text, "'", "'\\''") + "'";
}

// --- bash ---

// The options of one command after which something else than an option is completed.
std::string bash_values(const DescribedCommand& command) {
  std::string cases;
  std::vector<std::string> own_values;
  for (const auto& option : command.options) {
    if (option.is_positional || option.value.empty()) continue;
    const auto choices = choices_of(command, option);
    if (!choices.empty()) {
      cases += fmt::format("        {}) words='{}' ;;\n", option.name, fmt::join(choices, " "));
    } else if (takes_path(option)) {
      cases += fmt::format("        {}) files=1 ;;\n", option.name);
    } else {
      own_values.push_back(option.name);
    }
  }
  if (!own_values.empty()) {
    cases += fmt::format("        {}) return ;;\n", fmt::join(own_values, " | "));
  }
  return cases;
}

constexpr const char* kBashHead =
    R"(# bash completion of understudy, made by `understudy completion bash`
_understudy() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local words='' options='' files=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$_understudy_commands --help --version" -- "$current")
    return
  fi
  case ${COMP_WORDS[1]} in
    help) words=$_understudy_commands ;;
)";

constexpr const char* kBashTail = R"(  esac
  if [[ -z $files && -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    ((${#COMPREPLY[@]})) && return
  fi
  if [[ -z $files && $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -F _understudy understudy
)";

// --- zsh ---

// A description within an argument of _arguments: its own signs are escaped.
std::string zsh_text(const std::string& text) {
  auto escaped = replaced(text, "\\", "\\\\");
  for (const char* sign : {"[", "]", ":"}) {
    escaped = replaced(std::move(escaped), sign, std::string("\\") + sign);
  }
  return escaped;
}

std::string zsh_value(const DescribedCommand& command, const DescribedOption& option) {
  if (takes_path(option)) return "_files";
  const auto choices = choices_of(command, option);
  return choices.empty() ? " " : fmt::format("({})", fmt::join(choices, " "));
}

std::string zsh_argument(const DescribedCommand& command, const DescribedOption& option) {
  if (option.is_positional) {
    return fmt::format("{}:{}:{}", option.is_required ? "" : ":", option.name,
                       zsh_value(command, option));
  }
  auto argument = fmt::format("{}[{}]", option.name, zsh_text(option.text));
  if (option.value.empty()) return argument;
  return argument + fmt::format(":{}:{}", option.value, zsh_value(command, option));
}

}  // namespace

std::string bash_completion(const std::vector<DescribedCommand>& commands) {
  std::string script = kBashHead;
  for (const auto& command : commands) {
    script += fmt::format("    {})\n      options='{}'\n      words='{}'\n", command.name,
                          option_names(command), positional_words(command));
    const auto values = bash_values(command);
    if (!values.empty()) script += "      case $previous in\n" + values + "      esac\n";
    script += "      ;;\n";
  }
  return script + kBashTail + fmt::format("_understudy_commands='{}'\n", names_of(commands));
}

std::string zsh_completion(const std::vector<DescribedCommand>& commands) {
  std::string script =
      "#compdef understudy\n# zsh completion of understudy, made by `understudy completion zsh`\n"
      "_understudy() {\n  local -a commands\n  commands=(\n";
  for (const auto& command : commands) {
    script += fmt::format("    {}\n", quoted(command.name + ":" + zsh_text(command.text)));
  }
  script +=
      "    'help:say what a command does'\n  )\n  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n    return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n"
      "    help) _describe command commands ;;\n";
  for (const auto& command : commands) {
    script += fmt::format("    {})\n      _arguments", command.name);
    for (const auto& option : command.options) {
      script += " \\\n        " + quoted(zsh_argument(command, option));
    }
    script += "\n      ;;\n";
  }
  return script + "  esac\n}\n_understudy \"$@\"\n";
}

std::string fish_completion(const std::vector<DescribedCommand>& commands) {
  std::string script =
      "# fish completion of understudy, made by `understudy completion fish`\n"
      "complete -c understudy -n __fish_use_subcommand -f\n";
  // In fish a quote within single quotes is escaped by a backslash.
  const auto fish = [](const std::string& text) {
    return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
  };
  for (const auto& command : commands) {
    script += fmt::format("complete -c understudy -n __fish_use_subcommand -a {} -d {}\n",
                          command.name, fish(command.text));
    const auto when = fmt::format("'__fish_seen_subcommand_from {}'", command.name);
    for (const auto& option : command.options) {
      const auto choices = choices_of(command, option);
      if (option.is_positional) {
        if (choices.empty()) continue;
        script +=
            fmt::format("complete -c understudy -n {} -a '{}'\n", when, fmt::join(choices, " "));
        continue;
      }
      script += fmt::format("complete -c understudy -n {} -l {}", when, option.name.substr(2));
      if (!choices.empty()) {
        script += fmt::format(" -x -a '{}'", fmt::join(choices, " "));
      } else if (!option.value.empty()) {
        script += takes_path(option) ? " -r -F" : " -x";
      }
      script += " -d " + fish(option.text) + "\n";
    }
  }
  return script;
}

}  // namespace understudy
