#include "cli/self_description.h"

#include "cli/completion.h"
#include "cli/help_text.h"
#include "cli/manual.h"
#include "cli/typed.h"

#include <fmt/format.h>

namespace understudy {
namespace {

SayCommand say(std::string text) {
  return {std::move(text), ExitCode::ok};
}

SayCommand complete_for(const std::string& shell, const CLI::App& app) {
  const auto commands = describe_commands(app);
  if (shell == "bash") return say(bash_completion(commands));
  if (shell == "zsh") return say(zsh_completion(commands));
  if (shell == "fish") return say(fish_completion(commands));
  throw UsageError(fmt::format("completion {}: write bash, zsh or fish", shell));
}

SayCommand manual_part(const std::string& part, const CLI::App& app) {
  const auto commands = describe_commands(app);
  if (part == "commands") return say(manual_of_commands(commands));
  if (part == "keys") return say(manual_of_keys(commands));
  throw UsageError(fmt::format("manual {}: write commands or keys", part));
}

}  // namespace

void add_self_description(CLI::App& app, SelfDescription& typed) {
  typed.completion = app.add_subcommand("completion", "print a completion script for a shell");
  typed.completion->footer(help::kCompletion);
  typed.completion->add_option("SHELL", typed.shell, "bash, zsh or fish")
      ->type_name("")
      ->required();
  // For the build of the manual pages alone, so not in --help.
  typed.manual = app.add_subcommand("manual", "print a part of a manual page, as roff");
  typed.manual->add_option("PART", typed.part, "commands or keys")->type_name("")->required();
}

std::optional<SayCommand> read_self_description(const CLI::App& app, const SelfDescription& typed) {
  if (typed.completion->parsed()) return complete_for(typed.shell, app);
  if (typed.manual->parsed()) return manual_part(typed.part, app);
  return std::nullopt;
}

}  // namespace understudy
