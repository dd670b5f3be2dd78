#include "cli/commands.h"
#include "common/keys/key_file.h"
#include "common/transport/key_pair.h"

#include <fmt/format.h>

namespace understudy {

// What is for people goes where it does not get in the way of a script that wants the key alone.
ExitCode run(const KeygenCommand& command) {
  if (!command.public_of.empty()) {
    fmt::print("{}\n", read_key_file(command.public_of).public_key);
    return ExitCode::ok;
  }
  const auto keys = make_key_pair();
  write_key_file(command.output, keys, command.node);
  fmt::print("Secret key in {}: keep it there, readable by the node's user alone.\n",
             command.output);
  fmt::print("Public key: {}\n\n", keys.public_key);
  fmt::print(
      "For the --peer-keys file of every node:\n\n"
      "[[peer]]\n"
      "name = \"{}\"\n"
      "key = \"{}\"\n"
      "may = [\"follow\", \"feed\", \"command\"]\n"
      "endpoint = \"tcp://HOST:7600\"\n",
      command.node.empty() ? "NODE" : command.node, keys.public_key);
  return ExitCode::ok;
}

}  // namespace understudy
