#include "common/node/identity.h"

#include "common/core/errors.h"
#include "common/node/durable_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

namespace understudy {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kFileLimit = 64 * 1024;

NodeIdentity decode(const std::string& path, const std::string& text) {
  try {
    const auto from = Json::parse(text);
    if (const int format = from.at("format").get<int>(); format != kIdentityFormat) {
      throw ConfigError(fmt::format(
          "{} has format {}, and this understudy {} knows format {} only; run the version that "
          "wrote it, or a newer one",
          path, format, UNDERSTUDY_VERSION, kIdentityFormat));
    }
    const auto role = parse_node_role(from.at("role").get<std::string>());
    const auto stream_text = from.at("stream_id").get<std::string>();
    const auto stream = stream_text.empty() ? StreamId{} : StreamId::parse(stream_text);
    NodeIdentity identity{
        from.at("node").get<std::string>(),   role.value_or(NodeRole::primary),
        stream.value_or(StreamId{}),          from.at("database").get<std::string>(),
        from.value("demoted_from", Epoch{0}), from.value("fenced", false),
        from.value("copied", false)};
    if (role && stream && is_node_name(identity.node)) return identity;
  } catch (const Json::exception&) {
    // Falls through: whatever is wrong with it, it is not what was written.
  }
  throw CorruptionError(fmt::format(
      "{} is damaged; restore it from a backup, or move the state directory away to begin anew",
      path));
}

// Paths need not be UTF-8, JSON must be: other bytes compare as the U+FFFD that stands for them.
bool is_same_path(const std::string& on_record, const std::string& path) {
  const auto json = [](const std::string& text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  return json(on_record) == json(path);
}

void check_identity(const StateDirectory& directory, const NodeIdentity& known,
                    const std::string& database) {
  if (!is_same_path(known.database, database_from(directory, database))) {
    throw ConfigError(fmt::format(
        "state directory {} belongs to database {}, not to {}; name another one with --state",
        directory.path(), database_path(directory, known), database));
  }
}

}  // namespace

std::string make_node_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string name(host.data());
  name.erase(std::remove_if(name.begin(), name.end(), [](char c) { return !is_name_character(c); }),
             name.end());
  name.resize(std::min(name.size(), kLongestNodeName - 5));
  if (name.empty()) name = "node";
  std::random_device source;
  return fmt::format("{}-{:04x}", name, source() & 0xffff);
}

std::optional<NodeIdentity> load_identity(const StateDirectory& directory) {
  const auto text = read_whole_file(directory.identity(), kFileLimit);
  if (!text) return std::nullopt;
  return decode(directory.identity(), *text);
}

void save_identity(const StateDirectory& directory, const NodeIdentity& identity) {
  const Json out = {
      {"format", kIdentityFormat},
      {"node", identity.node},
      {"role", to_string(identity.role)},
      {"stream_id", identity.stream.is_nil() ? std::string{} : identity.stream.to_string()},
      {"database", identity.database},
      {"demoted_from", identity.demoted_from},
      {"fenced", identity.fenced},
      {"copied", identity.copied}};
  replace_file(directory.identity(),
               out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string database_from(const StateDirectory& directory, const std::string& database) {
  const auto folder = fs::weakly_canonical(fs::absolute(directory.path()));
  return fs::weakly_canonical(fs::absolute(database)).lexically_relative(folder).string();
}

std::string database_path(const StateDirectory& directory, const NodeIdentity& identity) {
  return fs::weakly_canonical(fs::absolute(directory.path()) / identity.database).string();
}

NodeIdentity claim_identity(const StateDirectory& directory, const std::string& database,
                            NodeRole role, const std::string& name) {
  const auto known = load_identity(directory);
  if (known) check_identity(directory, *known, database);
  NodeIdentity identity = known.value_or(NodeIdentity{
      make_node_name(), role, StreamId{}, database_from(directory, database), 0, false});
  if (!name.empty() && name != identity.node && !identity.stream.is_nil()) {
    throw ConfigError(fmt::format(
        "{} is node {} on record, and the other nodes know it by that name: --node {} is refused",
        directory.path(), identity.node, name));
  }
  if (!name.empty()) identity.node = name;
  if (!known || *known != identity) save_identity(directory, identity);
  return identity;
}

void claim_stream(const StateDirectory& directory, const StreamId& stream) {
  auto identity = load_identity(directory);
  if (!identity) {
    throw CorruptionError(fmt::format("{} is gone while the node runs", directory.identity()));
  }
  if (identity->stream == stream) return;
  if (!identity->stream.is_nil()) {
    throw ConfigError(fmt::format(
        "state directory {} is of stream {}, not of {}: these are two different databases; check "
        "--from, or name another state directory with --state",
        directory.path(), identity->stream.to_string(), stream.to_string()));
  }
  identity->stream = stream;
  save_identity(directory, *identity);
}

}  // namespace understudy
