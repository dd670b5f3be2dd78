// The commands of the program as plain structs, each with the function that does it.
// Main thread. Each throws the types of common/core/errors.h; main() turns them into exit codes.
#pragma once

#include "cli/exit_code.h"
#include "common/logging/log.h"
#include "common/node/status.h"
#include "replay/target.h"
#include "takeover/supervisor_options.h"

#include <string>
#include <variant>

namespace understudy {

// A node named by its database, its state directory, or both.
struct NodePath {
  std::string database;   // may be empty when state_dir is given
  std::string state_dir;  // empty: the default one of the database
};

// A node to run. What counts in which role is sorted already; paths are as the user wrote them.
struct NodeCommand {
  SupervisorOptions options;
};

// All the nodes of a configuration file, in one process.
struct RunCommand {
  std::string file;
  // Of the log; nullopt: as the file says.
  std::optional<log::Level> log_level = {};
  std::optional<log::Format> log_format = {};
};

struct CheckConfigCommand {
  std::string file;
  bool schema = false;  // print the JSON Schema instead
};

struct DoctorCommand {
  NodePath of = {};              // empty: all of the configuration file
  std::string config_file = {};  // empty: what follows says it
  std::optional<Endpoint> listen = {};
  std::vector<Endpoint> peers = {};
  KeyFiles keys = {};
  std::uint64_t keep_bytes = 0;
  std::uint64_t wal_limit_bytes = 0;
  bool json = false;
};

struct StatusCommand {
  NodePath of;
  bool json = false;
  bool watch = false;
};

struct VerifyCommand {
  NodePath of;
};

struct WaitCommand {
  NodePath of;
  Seq seq = 0;
  Level level = Level::applied;
  std::size_t standbys = 1;
  std::int64_t timeout_ms = 5000;
};

struct PromoteCommand {
  NodePath of;
  bool force = false;
  bool dry_run = false;
};

struct SwitchoverCommand {
  NodePath of;
  std::string to;
  bool dry_run = false;
};

struct FenceCommand {
  NodePath of;
  bool fence = true;
};

// Automatic takeover, of all nodes.
struct PauseCommand {
  NodePath of;
  bool pause = true;
};

struct ClusterCommand {
  NodePath of;
  bool json = false;
};

// A standby that is to begin anew: the one asked, or another one of its cluster.
struct ReinitCommand {
  NodePath of;
  std::string node;
};

struct HistoryCommand {
  NodePath of;
  bool json = false;
};

enum class OrphansAction { list, show, export_pages, discard };
std::optional<OrphansAction> parse_orphans_action(std::string_view text);

struct OrphansCommand {
  NodePath of;
  OrphansAction action = OrphansAction::list;
  std::string name;
  std::string output;
  bool json = false;
};

struct SnapshotCommand {
  NodePath of;
  std::string output;  // empty: into the node's folder
};

struct ArchiveCommand {
  NodePath of;
  ArchiveOptions options;  // directory and keep_us
  bool once = false;
  bool json = false;
};

struct RestoreCommand {
  std::vector<std::string> sources;  // logs, state directories, snapshots
  Target target;
  std::string output;
  bool dry_run = false;
};

struct ReplayCommand {
  NodePath of;
  std::vector<std::string> logs;
  Target target;
  bool dry_run = false;
};

enum class LogAction { list, show, stats, check };

// nullopt: no such action.
[[nodiscard]] std::optional<LogAction> parse_log_action(std::string_view text);

// One of the two.
struct LogBound {
  std::optional<Seq> seq;
  std::optional<std::int64_t> time_us;
};

struct LogCommand {
  std::string source;  // a database, a state directory, a backend.db, a snapshot
  LogAction action = LogAction::list;
  Seq seq = 0;  // show
  std::optional<LogBound> from, to;
  bool follow = false, json = false;
  bool tables = true;  // say which tables pages belong to
};

struct KeygenCommand {
  std::string output;     // the file to make
  std::string node;       // may be empty
  std::string public_of;  // print the public key of this file instead
};

// Nothing to do but to print (help, version, a usage error).
struct SayCommand {
  std::string text;
  ExitCode code = ExitCode::ok;
};

using Command =
    std::variant<SayCommand, NodeCommand, RunCommand, CheckConfigCommand, DoctorCommand,
                 StatusCommand, VerifyCommand, WaitCommand, PromoteCommand, SwitchoverCommand,
                 FenceCommand, HistoryCommand, OrphansCommand, SnapshotCommand, ArchiveCommand,
                 RestoreCommand, ReplayCommand, LogCommand, KeygenCommand, PauseCommand,
                 ClusterCommand, ReinitCommand>;

struct CommandLine {
  log::Options log;
  Command command;
};

// Understands the arguments; never throws for what a user typed.
CommandLine parse_command_line(int argc, const char* const* argv);

ExitCode run(const SayCommand& command);
ExitCode run(const NodeCommand& command);
ExitCode run(const RunCommand& command);
ExitCode run(const CheckConfigCommand& command);
ExitCode run(const DoctorCommand& command);
ExitCode run(const StatusCommand& command);
ExitCode run(const VerifyCommand& command);
ExitCode run(const WaitCommand& command);
ExitCode run(const PromoteCommand& command);
ExitCode run(const SwitchoverCommand& command);
ExitCode run(const FenceCommand& command);
ExitCode run(const PauseCommand& command);
ExitCode run(const ClusterCommand& command);
ExitCode run(const ReinitCommand& command);
ExitCode run(const HistoryCommand& command);
ExitCode run(const OrphansCommand& command);
ExitCode run(const SnapshotCommand& command);
ExitCode run(const ArchiveCommand& command);
ExitCode run(const RestoreCommand& command);
ExitCode run(const ReplayCommand& command);
ExitCode run(const LogCommand& command);
ExitCode run(const KeygenCommand& command);

}  // namespace understudy
