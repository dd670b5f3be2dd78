#include "cli/key_options.h"

#include "cli/help_text.h"
#include "common/core/node_name.h"

#include <fmt/format.h>

namespace understudy {

void add_key_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--key-file", typed.key_file,
                  "this node's own keys (understudy keygen); connections are encrypted then")
      ->type_name("FILE");
  command
      .add_option("--peer-keys", typed.peer_keys,
                  "whose keys may connect, and what each may do; read again on SIGHUP")
      ->type_name("FILE");
}

CLI::App* add_keygen(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("keygen", "make the keys of a node");
  command->footer(help::kKeygen);
  auto* output = command->add_option("--output", typed.output, "the file to make")
                     ->type_name("FILE")
                     ->default_str("understudy.key");
  command->add_option("--node", typed.node, "name of the node, for what is printed")
      ->type_name("NAME");
  command
      ->add_option("--public", typed.public_of,
                   "make nothing: print the public key of a file that is there")
      ->type_name("FILE")
      ->excludes(output);
  return command;
}

KeyFiles read_key_files(const Typed& typed) {
  if (typed.key_file.empty() != typed.peer_keys.empty()) {
    throw UsageError(typed.key_file.empty()
                         ? "--peer-keys without --key-file: this node needs keys of its own "
                           "(understudy keygen)"
                         : "--key-file without --peer-keys: nobody could connect; name the file "
                           "that lists the peers");
  }
  return {typed.key_file, typed.peer_keys};
}

KeygenCommand read_keygen(const Typed& typed) {
  if (!typed.node.empty() && !is_node_name(typed.node)) {
    throw UsageError(fmt::format(
        "--node {}: not a name; use up to 64 of letters, digits, '.', '_' and '-'", typed.node));
  }
  return {typed.output.empty() ? "understudy.key" : typed.output, typed.node, typed.public_of};
}

}  // namespace understudy
