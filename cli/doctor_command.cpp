#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/doctor_view.h"
#include "common/core/errors.h"
#include "common/node/identity.h"

#include <fmt/format.h>

#include <filesystem>

namespace understudy {
namespace {

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal();
}

std::string state_of(const std::string& database, const std::string& state_dir) {
  return absolute(state_dir.empty() ? StateDirectory::default_path(database) : state_dir);
}

doctor::Patient patient_of(const DoctorCommand& command) {
  doctor::Patient patient{.database = command.of.database,
                          .state_dir = command.of.state_dir,
                          .listen = command.listen,
                          .peers = command.peers,
                          .keys = command.keys,
                          .keep_bytes = command.keep_bytes,
                          .wal_limit_bytes = command.wal_limit_bytes,
                          .files = {}};
  if (patient.database.empty()) {
    const StateDirectory directory(absolute(command.of.state_dir));
    const auto identity = load_identity(directory);
    if (!identity) throw ConfigError(fmt::format("{} is no state directory", directory.path()));
    patient.database = database_path(directory, *identity);
  }
  patient.database = absolute(patient.database);
  patient.state_dir = state_of(patient.database, patient.state_dir);
  return patient;
}

doctor::Patient patient_of(const ConfiguredNode& node, const ConfigKeys& keys) {
  const auto& options = node.command.options;
  doctor::Patient patient{.database = absolute(options.node.database),
                          .state_dir = state_of(options.node.database, options.node.state_dir),
                          .role = options.node.role,
                          .listen = options.follow.listen,
                          .peers = options.peers.empty() ? options.follow.from : options.peers,
                          .keys = options.keys,
                          .keep_bytes = options.publish.retention.max_bytes,
                          .wal_limit_bytes = options.publish.tail.wal_hard_limit_bytes,
                          .files = {}};
  for (const auto& [key, setting] : node.settings) {
    if (key == "archive" && setting.is_set) patient.archive = setting.values.front();
    const bool is_file = key != "path" && keys.all().at(key).value == "FILE";
    if (!is_file) continue;
    for (const auto& value : setting.values) patient.files.emplace_back(key, value);
  }
  return patient;
}

// Those of the file, or the one of them that is named.
std::vector<doctor::Patient> patients_of_file(const DoctorCommand& command) {
  const auto read = read_config(command.config_file);
  if (!read.problems.empty()) {
    throw ConfigError(fmt::format("{} ({} problems in all: understudy check-config)",
                                  to_line(command.config_file, read.problems.front()),
                                  read.problems.size()));
  }
  const ConfigKeys keys;
  const auto wanted = command.of.database.empty() ? std::string{} : absolute(command.of.database);
  std::vector<doctor::Patient> patients;
  for (const auto& node : read.config.nodes) {
    auto patient = patient_of(node, keys);
    if (wanted.empty() || patient.database == wanted) patients.push_back(std::move(patient));
  }
  if (patients.empty()) {
    throw ConfigError(fmt::format("{} says nothing of {}", command.config_file, wanted));
  }
  return patients;
}

}  // namespace

ExitCode run(const DoctorCommand& command) {
  const auto patients =
      command.config_file.empty() ? std::vector{patient_of(command)} : patients_of_file(command);
  std::vector<Examined> all;
  all.reserve(patients.size());
  for (const auto& patient : patients) {
    all.push_back({patient.database, doctor::examine(patient)});
  }
  print_examined(all, command.json);
  return has_problem(all) ? ExitCode::negative : ExitCode::ok;
}

}  // namespace understudy
