#include "cli/archive_options.h"

#include "cli/help_text.h"
#include "cli/shared_options.h"
#include "cli/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace understudy {
namespace {

void add_times(CLI::App& command, Typed& typed) {
  command
      .add_option("--archive-keep", typed.archive_keep,
                  "how far back moments stay in the archive: 30d, or forever")
      ->type_name("TIME")
      ->capture_default_str();
  command
      .add_option("--archive-every", typed.archive_every,
                  "longest that a transaction waits until it is archived")
      ->type_name("TIME")
      ->capture_default_str();
}

std::int64_t read_keep_us(const Typed& typed) {
  if (typed.archive_keep == "forever") return 0;
  const auto keep_ms = parse_duration_ms(typed.archive_keep);
  if (!keep_ms || *keep_ms == 0) {
    throw UsageError(fmt::format("--archive-keep {}: write a time, like 30d or 48h, or forever",
                                 typed.archive_keep));
  }
  return *keep_ms * 1000;
}

}  // namespace

CLI::App* add_archive(CLI::App& app, Typed& typed) {
  auto* command = app.add_subcommand("archive", "copy records and snapshots to another disk");
  command->footer(help::kArchive);
  add_node_path(*command, typed);
  command->add_option("--to", typed.archive, "the folder of the archive; make it first")
      ->type_name("DIRECTORY")
      ->required();
  command->add_flag("--once", typed.once, "copy what is there now, and end");
  add_times(*command, typed);
  command->add_flag("--json", typed.json, "--once: say how it went as JSON");
  add_log_options(*command, typed);
  return command;
}

void add_archive_options(CLI::App& command, Typed& typed) {
  command
      .add_option("--archive", typed.archive,
                  "folder on another disk to which records and snapshots are copied")
      ->type_name("DIRECTORY");
  add_times(command, typed);
}

std::optional<ArchiveOptions> read_archive_options(const Typed& typed) {
  const auto keep_us = read_keep_us(typed);
  if (typed.archive.empty()) {
    if (keep_us == 0) return std::nullopt;
    throw UsageError("--archive-keep is for a node that has an --archive");
  }
  ArchiveOptions options;
  options.directory = std::filesystem::absolute(typed.archive).lexically_normal();
  options.keep_us = keep_us;
  options.every_us =
      1000 * std::max<std::int64_t>(1, read_duration_ms("--archive-every", typed.archive_every));
  return options;
}

ArchiveCommand read_archive(const Typed& typed) {
  if (typed.json && !typed.once) throw UsageError("--json is for --once");
  return {read_node_path(typed), read_archive_options(typed).value(), typed.once, typed.json};
}

}  // namespace understudy
