// CommandHandler: what a running node can be told to do, by whoever may use its control socket.
// Each call returns when it is done or refused; until then the caller waits (seconds at most).
// Any thread.
#pragma once

#include "common/core/types.h"
#include "common/record/history.h"

#include <string>
#include <string_view>
#include <vector>

namespace understudy {

// A reason against what was asked.
struct CommandObjection {
  std::string text;           // what is wrong, and what to do about it
  bool can_be_forced = true;  // "force" overrides it
  Seq at_stake = 0;           // transactions that would be lost, as far as it is known
  bool operator==(const CommandObjection&) const = default;
};

struct CommandResult {
  enum class Outcome {
    done,
    would_do,  // a dry run, and nothing speaks against it
    refused,   // nothing was changed
    failed,    // it was begun; `text` says where it stands
  };
  Outcome outcome = Outcome::done;
  std::string text;                          // one sentence for people
  std::vector<CommandObjection> objections;  // why it is refused, or would be
  Position position;                         // where the node stands after it
  bool operator==(const CommandResult&) const = default;
};
std::string_view to_string(CommandResult::Outcome outcome);

// JSON: schemas/control-api.md.
std::string to_json(const CommandResult& result);
std::optional<CommandResult> command_result_from_json(std::string_view text);

class CommandHandler {
 public:
  virtual ~CommandHandler() = default;
  virtual CommandResult promote(bool force, bool dry_run) = 0;
  virtual CommandResult switchover(const std::string& to, bool dry_run) = 0;
  virtual CommandResult fence() = 0;
  virtual CommandResult unfence() = 0;
  // Automatic takeover, of the whole cluster.
  virtual CommandResult pause(bool is_paused) = 0;
  // A standby discards its log (kept as orphans) and its database, and fetches them anew: this node
  // (empty), or another one of its cluster.
  virtual CommandResult reinit(const std::string& node) = 0;
  // Takes a snapshot: to `output`, an absolute path, or into the node's folder when it is empty.
  // Beside the other commands, and for as long as the database is large.
  virtual CommandResult snapshot(const std::string& output) = 0;
};

}  // namespace understudy
