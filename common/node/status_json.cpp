#include "common/node/status.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

// Milliseconds are enough, and print short.
double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

Json backend_json(const BackendStatus& backend) {
  return {{"first_seq", backend.first_seq},
          {"last_seq", backend.last_seq},
          {"bytes", backend.bytes},
          {"oldest_time",
           backend.oldest_time_us == 0 ? Json(nullptr) : Json(backend.oldest_time_us / 1e6)},
          {"limit_bytes", backend.limit_bytes == 0 ? Json(nullptr) : Json(backend.limit_bytes)}};
}

Json snapshot_json(const SnapshotStatus& snapshot) {
  return {{"seq", snapshot.seq}, {"time", snapshot.time}, {"bytes", snapshot.bytes}};
}

Json archive_json(const ArchiveStatus& archive) {
  return {{"directory", archive.directory},
          {"last_seq", or_null(archive.last_seq)},
          {"behind_transactions", or_null(archive.behind_transactions)},
          {"behind_bytes", or_null(archive.behind_bytes)},
          {"behind_seconds",
           archive.behind_seconds ? Json(rounded(*archive.behind_seconds)) : Json(nullptr)},
          {"last_error", text_or_null(archive.last_error)}};
}

Json standby_json(const StandbyStatus& standby) {
  return {{"name", standby.name},
          {"state", to_string(standby.state)},
          {"received_seq", standby.seqs.received},
          {"durable_seq", standby.seqs.durable},
          {"applied_seq", standby.seqs.applied},
          {"lag_seconds", rounded(standby.lag_seconds)},
          {"lag_bytes", standby.lag_bytes}};
}

Json wal_json(const WalStatus& wal) {
  return {{"state", wal.state},
          {"frames", wal.frames},
          {"resets", wal.resets},
          {"windows", wal.windows},
          {"windows_missed", wal.windows_missed},
          {"checkpoints", wal.checkpoints},
          {"lock_grabs", wal.lock_grabs},
          {"bytes", wal.bytes}};
}

Json sync_json(const SyncStatus& sync) {
  return {{"wanted", sync.wanted}, {"heard", sync.heard}, {"is_degraded", sync.is_degraded}};
}

void add_primary_fields(const Status& status, Json& out) {
  out["is_fenced"] = status.is_fenced;
  out["is_standing_down"] = status.is_standing_down;
  out["standbys"] = Json::array();
  for (const auto& standby : status.standbys) out["standbys"].push_back(standby_json(standby));
  out["wal"] = status.wal ? wal_json(*status.wal) : Json(nullptr);
  out["sync"] = status.sync ? sync_json(*status.sync) : Json(nullptr);
}

void add_standby_fields(const Status& status, Json& out) {
  const auto& seqs = status.progression;
  out["from"] = status.from;
  out["followed"] = text_or_null(status.followed);
  out["is_sync"] = status.is_sync;
  out["received_seq"] = seqs ? Json(seqs->received) : Json(nullptr);
  out["durable_seq"] = seqs ? Json(seqs->durable) : Json(nullptr);
  out["applied_seq"] = seqs ? Json(seqs->applied) : Json(nullptr);
  out["primary_seq"] = or_null(status.primary_seq);
  out["lag_seconds"] = status.lag_seconds ? Json(rounded(*status.lag_seconds)) : Json(nullptr);
  out["lag_transactions"] = or_null(status.lag_transactions);
  out["lag_bytes"] = or_null(status.lag_bytes);
  out["standbys"] = Json::array();
  for (const auto& standby : status.standbys) out["standbys"].push_back(standby_json(standby));
}

// Reading. Members of the wrong type throw inside nlohmann-json; status_from_json() catches.

template <typename T>
std::optional<T> optional_member(const Json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

std::string text_member(const Json& from, const char* name) {
  return optional_member<std::string>(from, name).value_or("");
}

template <typename Parse>
auto required(const Json& from, const char* name, Parse parse) {
  const auto value = parse(from.at(name).get<std::string>());
  if (!value) throw nlohmann::detail::other_error::create(501, name, &from);
  return *value;
}

StateSum parse_sum(const std::string& text) {
  StateSum sum = 0;
  std::from_chars(text.data(), text.data() + text.size(), sum, 16);
  return sum;
}

ArchiveStatus read_archive(const Json& from) {
  return {text_member(from, "directory"),
          optional_member<Seq>(from, "last_seq"),
          optional_member<std::uint64_t>(from, "behind_transactions"),
          optional_member<std::uint64_t>(from, "behind_bytes"),
          optional_member<double>(from, "behind_seconds"),
          text_member(from, "last_error")};
}

StandbyStatus read_standby(const Json& from) {
  StandbyStatus standby;
  standby.name = from.at("name").get<std::string>();
  standby.state = required(from, "state", parse_node_state);
  standby.seqs = {from.at("received_seq").get<Seq>(), from.at("durable_seq").get<Seq>(),
                  from.at("applied_seq").get<Seq>()};
  standby.lag_seconds = optional_member<double>(from, "lag_seconds").value_or(0);
  standby.lag_bytes = optional_member<std::uint64_t>(from, "lag_bytes").value_or(0);
  return standby;
}

WalStatus read_wal(const Json& from) {
  return {from.at("state").get<std::string>(),
          from.at("frames").get<std::uint64_t>(),
          from.at("resets").get<std::uint64_t>(),
          from.at("windows").get<std::uint64_t>(),
          from.at("windows_missed").get<std::uint64_t>(),
          from.at("checkpoints").get<std::uint64_t>(),
          from.at("lock_grabs").get<std::uint64_t>(),
          optional_member<std::uint64_t>(from, "bytes").value_or(0)};
}

SyncStatus read_sync(const Json& from) {
  return {from.at("wanted").get<std::size_t>(), from.at("heard").get<std::size_t>(),
          from.at("is_degraded").get<bool>()};
}

BackendStatus read_backend(const Json& from) {
  BackendStatus backend{from.at("first_seq").get<Seq>(), from.at("last_seq").get<Seq>(),
                        from.at("bytes").get<std::uint64_t>()};
  const auto oldest = optional_member<double>(from, "oldest_time").value_or(0);
  backend.oldest_time_us = std::llround(oldest * 1e6);
  backend.limit_bytes = optional_member<std::uint64_t>(from, "limit_bytes").value_or(0);
  return backend;
}

void read_common(const Json& from, Status& status) {
  status.node = from.at("node").get<std::string>();
  status.role = required(from, "role", parse_node_role);
  status.state = required(from, "state", parse_node_state);
  status.stream_id = StreamId::parse(text_member(from, "stream_id")).value_or(StreamId{});
  status.position = {from.at("epoch").get<Epoch>(), from.at("seq").get<Seq>(),
                     parse_sum(text_member(from, "state_sum"))};
  status.database = text_member(from, "database");
  status.state_dir = text_member(from, "state_dir");
  status.listen = text_member(from, "listen");
  status.version = text_member(from, "version");
  status.pid = optional_member<std::int64_t>(from, "pid").value_or(0);
  status.uptime_seconds = optional_member<double>(from, "uptime_seconds").value_or(0);
  status.last_error = text_member(from, "last_error");
  status.warnings = from.value("warnings", std::vector<std::string>{});
}

void read_details(const Json& from, Status& status) {
  if (const auto found = from.find("backend"); found != from.end() && found->is_object()) {
    status.backend = read_backend(*found);
  }
  if (const auto found = from.find("snapshot"); found != from.end() && found->is_object()) {
    status.snapshot = {found->at("seq").get<Seq>(), found->at("time").get<std::string>(),
                       found->at("bytes").get<std::uint64_t>()};
  }
  status.snapshot_progress = optional_member<double>(from, "snapshot_progress");
  if (const auto found = from.find("archive"); found != from.end() && found->is_object()) {
    status.archive = read_archive(*found);
  }
  for (const auto& standby : from.value("standbys", Json::array())) {
    status.standbys.push_back(read_standby(standby));
  }
  if (const auto found = from.find("wal"); found != from.end() && found->is_object()) {
    status.wal = read_wal(*found);
  }
  if (const auto found = from.find("sync"); found != from.end() && found->is_object()) {
    status.sync = read_sync(*found);
  }
  status.is_fenced = optional_member<bool>(from, "is_fenced").value_or(false);
  status.is_standing_down = optional_member<bool>(from, "is_standing_down").value_or(false);
  status.from = from.value("from", std::vector<std::string>{});
  status.followed = text_member(from, "followed");
  status.is_sync = optional_member<bool>(from, "is_sync").value_or(false);
  const auto applied = optional_member<Seq>(from, "applied_seq");
  if (applied) {
    status.progression = {from.at("received_seq").get<Seq>(), from.at("durable_seq").get<Seq>(),
                          *applied};
  }
  status.primary_seq = optional_member<Seq>(from, "primary_seq");
  status.lag_seconds = optional_member<double>(from, "lag_seconds");
  status.lag_transactions = optional_member<std::uint64_t>(from, "lag_transactions");
  status.lag_bytes = optional_member<std::uint64_t>(from, "lag_bytes");
}

}  // namespace

std::string to_json(const Status& status, int indent) {
  Json out = {
      {"node", status.node},
      {"role", to_string(status.role)},
      {"state", to_string(status.state)},
      {"stream_id", status.stream_id.is_nil() ? Json(nullptr) : Json(status.stream_id.to_string())},
      {"epoch", status.position.epoch},
      {"seq", status.position.seq},
      {"state_sum", hex(status.position.sum)},
      {"backend", status.backend ? backend_json(*status.backend) : Json(nullptr)},
      {"snapshot", status.snapshot ? snapshot_json(*status.snapshot) : Json(nullptr)},
      {"snapshot_progress",
       status.snapshot_progress ? Json(rounded(*status.snapshot_progress)) : Json(nullptr)},
      {"archive", status.archive ? archive_json(*status.archive) : Json(nullptr)}};
  if (status.role == NodeRole::primary) {
    add_primary_fields(status, out);
  } else {
    add_standby_fields(status, out);
  }
  out["database"] = status.database;
  out["state_dir"] = status.state_dir;
  out["listen"] = text_or_null(status.listen);
  out["version"] = status.version;
  out["pid"] = status.pid == 0 ? Json(nullptr) : Json(status.pid);
  out["uptime_seconds"] = rounded(status.uptime_seconds);
  out["last_error"] = text_or_null(status.last_error);
  out["warnings"] = status.warnings;
  // Paths and peers' names may hold bytes that are not UTF-8.
  return out.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::optional<Status> status_from_json(std::string_view text) {
  try {
    const auto from = Json::parse(text);
    Status status;
    read_common(from, status);
    read_details(from, status);
    return status;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace understudy
