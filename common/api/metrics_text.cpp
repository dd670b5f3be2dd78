#include "common/api/metrics_text.h"

#include "common/metering/exposition.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

namespace understudy {
namespace {

constexpr auto kGauge = MetricType::gauge;
constexpr auto kCounter = MetricType::counter;
constexpr auto kHistogram = MetricType::histogram;

constexpr std::array kStates = {
    NodeState::starting,   NodeState::scanning,    NodeState::repairing,
    NodeState::publishing, NodeState::stalled,     NodeState::connecting,
    NodeState::resyncing,  NodeState::catching_up, NodeState::streaming};

std::uint64_t flag(bool value) {
  return value ? 1 : 0;
}

// A metric of one sample.
template <typename T>
void add(Exposition& out, std::string_view name, MetricType type, std::string_view help, T value) {
  out.declare(name, type, help);
  if constexpr (std::is_floating_point_v<T>) {
    out.add(static_cast<double>(value));
  } else {
    out.add(static_cast<std::uint64_t>(value));
  }
}

// … which is there only when it is known.
template <typename T>
void add(Exposition& out, std::string_view name, MetricType type, std::string_view help,
         const std::optional<T>& value) {
  if (value) add(out, name, type, help, *value);
}

void add_identity(Exposition& out, const Status& status) {
  out.declare("understudy_build_info", kGauge, "Always 1; the version of the program.");
  out.add(std::uint64_t{1}, {{"version", status.version}});
  add(out, "understudy_uptime_seconds", kGauge, "How long this node has been running.",
      status.uptime_seconds);
  out.declare("understudy_role", kGauge, "1 for the role that the node has.");
  for (const auto role : {NodeRole::primary, NodeRole::standby}) {
    out.add(flag(status.role == role), {{"role", to_string(role)}});
  }
  out.declare("understudy_state", kGauge, "1 for the state that the node is in.");
  for (const auto state : kStates) {
    out.add(flag(status.state == state), {{"state", to_string(state)}});
  }
  add(out, "understudy_healthy", kGauge,
      "1: it publishes or streams, and no guarantee is weakened.", flag(status.is_healthy()));
  add(out, "understudy_warnings", kGauge, "Guarantees that are weakened now.",
      status.warnings.size());
  add(out, "understudy_fenced", kGauge, "1: the application of this primary may not write.",
      flag(status.is_fenced));
  add(out, "understudy_standing_down", kGauge, "1: another node leads; this one is to follow.",
      flag(status.is_standing_down));
}

void add_position(Exposition& out, const Status& status) {
  add(out, "understudy_epoch", kGauge, "Epoch of the last whole record.", status.position.epoch);
  add(out, "understudy_seq", kGauge,
      "Last whole record: durable on a primary, visible to readers on a standby.",
      status.position.seq);
  if (const auto& seqs = status.progression) {
    add(out, "understudy_received_seq", kGauge, "Standby: last record received.", seqs->received);
    add(out, "understudy_durable_seq", kGauge, "Standby: last record fsynced.", seqs->durable);
    add(out, "understudy_applied_seq", kGauge, "Standby: last record that readers see.",
        seqs->applied);
  }
  add(out, "understudy_primary_seq", kGauge, "Standby: the primary's last record, as last heard.",
      status.primary_seq);
  add(out, "understudy_replication_lag_seconds", kGauge,
      "Standby: age of the oldest record of the primary that readers do not see yet.",
      status.lag_seconds);
  add(out, "understudy_replication_lag_transactions", kGauge,
      "Standby: records of the primary that readers do not see yet.", status.lag_transactions);
  add(out, "understudy_replication_lag_bytes", kGauge,
      "Standby: bytes of those records; estimated for what was not received yet.",
      status.lag_bytes);
  if (status.role == NodeRole::standby) {
    add(out, "understudy_sync_standby", kGauge,
        "Standby: 1 when commits of the application wait for it.", flag(status.is_sync));
  }
}

// One metric, with a sample of each standby.
template <typename Value>
void add_each(Exposition& out, const Status& status, std::string_view name, std::string_view help,
              Value value) {
  out.declare(name, kGauge, help);
  for (const auto& standby : status.standbys) out.add(value(standby), {{"standby", standby.name}});
}

void add_standbys(Exposition& out, const Status& status) {
  const auto is_here = [](const StandbyStatus& standby) {
    return standby.state != NodeState::stopped;
  };
  add(out, "understudy_standbys_connected", kGauge, "Standbys that are connected to this node.",
      static_cast<std::uint64_t>(std::ranges::count_if(status.standbys, is_here)));
  if (status.standbys.empty()) return;
  add_each(out, status, "understudy_standby_connected", "1: this standby is connected.",
           [&](const auto& standby) { return flag(is_here(standby)); });
  add_each(out, status, "understudy_standby_received_seq", "Last record that it has received.",
           [](const auto& standby) { return standby.seqs.received; });
  add_each(out, status, "understudy_standby_durable_seq", "Last record that it has fsynced.",
           [](const auto& standby) { return standby.seqs.durable; });
  add_each(out, status, "understudy_standby_applied_seq", "Last record that its readers see.",
           [](const auto& standby) { return standby.seqs.applied; });
  add_each(out, status, "understudy_standby_lag_seconds",
           "Age of the oldest record of this node that the standby does not show yet.",
           [](const auto& standby) { return standby.lag_seconds; });
  add_each(out, status, "understudy_standby_lag_transactions",
           "Records of this node that the standby does not show yet.", [&](const auto& standby) {
             const auto last = status.position.seq;
             return last - std::min(last, standby.seqs.applied);
           });
  add_each(out, status, "understudy_standby_lag_bytes", "Bytes of those records.",
           [](const auto& standby) { return standby.lag_bytes; });
}

void add_backend(Exposition& out, const MetricsReading& reading) {
  const auto& backend = reading.status.backend;
  if (!backend) return;
  add(out, "understudy_backend_bytes", kGauge, "Bytes of the records in the backend.",
      backend->bytes);
  if (backend->limit_bytes > 0) {
    add(out, "understudy_backend_limit_bytes", kGauge, "What retention keeps it to (--keep-bytes).",
        backend->limit_bytes);
  }
  add(out, "understudy_backend_records", kGauge, "Records in the backend.",
      backend->last_seq + 1 - std::min(backend->first_seq, backend->last_seq + 1));
  add(out, "understudy_backend_first_seq", kGauge, "First record in the backend.",
      backend->first_seq);
  add(out, "understudy_backend_last_seq", kGauge, "Last record in the backend.", backend->last_seq);
  if (backend->oldest_time_us == 0) return;
  const auto age_us = std::max<std::int64_t>(0, reading.now_us - backend->oldest_time_us);
  add(out, "understudy_backend_oldest_record_age_seconds", kGauge,
      "Age of the oldest record in the backend.", static_cast<double>(age_us) / 1e6);
}

void add_latencies(Exposition& out, const MetricsReading& reading) {
  out.declare("understudy_backend_append_seconds", kHistogram,
              "One append of what waited to the backend, its fsync included.");
  out.add(reading.append);
  out.declare("understudy_capture_to_durable_seconds", kHistogram,
              "From a commit being seen in the WAL until it is durable in the backend.");
  out.add(reading.capture_to_durable);
  out.declare("understudy_apply_seconds", kHistogram,
              "One commit of records into the standby's database.");
  out.add(reading.apply);
  add(out, "understudy_resyncs_total", kCounter, "Standby: resyncs that were finished.",
      reading.resyncs);
  add(out, "understudy_catch_ups_total", kCounter,
      "Standby: times that it had to fetch what it missed.", reading.catch_ups);
  add(out, "understudy_connects_total", kCounter,
      "Standby: links to a server that were made, the first one included.", reading.reconnects);
}

void add_wal(Exposition& out, const Status& status) {
  if (const auto& wal = status.wal) {
    add(out, "understudy_wal_bytes", kGauge, "Size of the application's WAL.", wal->bytes);
    add(out, "understudy_wal_frames", kGauge, "Committed frames in it.", wal->frames);
    add(out, "understudy_wal_resets_total", kCounter, "Times that it was begun anew.", wal->resets);
    add(out, "understudy_wal_windows_total", kCounter,
        "Times that checkpoints were let through to its end.", wal->windows);
    add(out, "understudy_wal_windows_missed_total", kCounter, "… and none came.",
        wal->windows_missed);
    add(out, "understudy_wal_checkpoints_total", kCounter, "Checkpoints of this node.",
        wal->checkpoints);
    add(out, "understudy_wal_lock_grabs_total", kCounter,
        "Times that the application's write lock was taken for an instant.", wal->lock_grabs);
  }
  if (const auto& sync = status.sync) {
    add(out, "understudy_sync_standbys_wanted", kGauge, "Standbys that each commit waits for.",
        sync->wanted);
    add(out, "understudy_sync_standbys_connected", kGauge, "Standbys that are there for that.",
        sync->heard);
    add(out, "understudy_sync_degraded", kGauge, "1: commits do not wait for standbys now.",
        flag(sync->is_degraded));
  }
}

// nullopt: no time.
std::optional<double> seconds_of(const std::string& utc) {
  std::tm time{};
  const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
  if (end == nullptr || *end != 0) return std::nullopt;
  return static_cast<double>(::timegm(&time));
}

void add_snapshots(Exposition& out, const MetricsReading& reading) {
  add(out, "understudy_snapshot_progress_ratio", kGauge, "Of the snapshot that is being taken.",
      reading.status.snapshot_progress);
  const auto& snapshot = reading.status.snapshot;
  if (!snapshot) return;
  add(out, "understudy_snapshot_seq", kGauge, "Record that the newest snapshot ends with.",
      snapshot->seq);
  add(out, "understudy_snapshot_bytes", kGauge, "Size of the newest snapshot.", snapshot->bytes);
  if (const auto time = seconds_of(snapshot->time)) {
    add(out, "understudy_snapshot_age_seconds", kGauge, "Age of the newest snapshot's state.",
        std::max(0.0, static_cast<double>(reading.now_us) / 1e6 - *time));
  }
}

void add_archive(Exposition& out, const std::optional<ArchiveStatus>& archive) {
  if (!archive) return;
  add(out, "understudy_archive_failing", kGauge, "1: nothing can be archived now.",
      flag(!archive->last_error.empty()));
  add(out, "understudy_archive_seq", kGauge, "Record up to which all is archived.",
      archive->last_seq);
  add(out, "understudy_archive_behind_transactions", kGauge, "Records that are not archived yet.",
      archive->behind_transactions);
  add(out, "understudy_archive_behind_bytes", kGauge, "… their size in the queue.",
      archive->behind_bytes);
  add(out, "understudy_archive_behind_seconds", kGauge, "… age of the oldest; 0: there is none.",
      archive->behind_seconds);
}

void add_cluster(Exposition& out, const ClusterStatus& cluster) {
  add(out, "understudy_cluster_epoch", kGauge, "The highest epoch that this node knows of.",
      cluster.epoch);
  add(out, "understudy_cluster_members", kGauge, "Nodes that this node knows of, itself included.",
      cluster.members.size());
  const auto silent = std::ranges::count_if(cluster.members, [](const ClusterMember& member) {
    return member.silent_seconds.has_value() || member.node.empty();
  });
  add(out, "understudy_cluster_members_silent", kGauge, "… of those, that do not answer.",
      static_cast<std::uint64_t>(silent));
  add(out, "understudy_cluster_has_primary", kGauge, "1: this node knows who leads.",
      flag(!cluster.primary.empty()));
}

std::string_view level_name(log::Level level) {
  switch (level) {
    case log::Level::info:
      return "info";
    case log::Level::warning:
      return "warning";
    default:
      return "error";
  }
}

void add_denials(Exposition& out, const Denials::Counts& denials) {
  out.declare("understudy_denied_total", kCounter,
              "What was refused at the ports of the stream, by kind.");
  for (std::size_t i = 0; i < denials.size(); ++i) {
    out.add(denials[i], {{"kind", to_string(static_cast<Denial>(i))}});
  }
}

void add_http(Exposition& out, const std::vector<HttpReading>& readings) {
  out.declare("understudy_http_connections_total", kCounter,
              "HTTP connections that were accepted, by listener.");
  for (const auto& [listener, traffic] : readings) {
    out.add(traffic.accepted, {{"listener", listener}});
  }
  out.declare("understudy_http_connections_open", kGauge, "HTTP connections that are open now.");
  for (const auto& [listener, traffic] : readings) {
    out.add(traffic.open, {{"listener", listener}});
  }
  out.declare("understudy_http_dropped_total", kCounter,
              "HTTP connections that ended without the answer to a request, by reason.");
  for (const auto& [listener, traffic] : readings) {
    for (std::size_t i = 0; i < traffic.dropped.size(); ++i) {
      out.add(traffic.dropped[i],
              {{"listener", listener}, {"reason", to_string(static_cast<http::Drop>(i))}});
    }
  }
}

// Of the whole process.
void add_process(Exposition& out, const MetricsReading& reading) {
  out.declare("understudy_log_events_total", kCounter, "Log events of the process, by name.");
  for (const auto& event : reading.events) {
    out.add(event.count, {{"level", level_name(event.level)}, {"event", event.event}});
  }
  const auto& process = reading.process;
  add(out, "process_start_time_seconds", kGauge, "When the process began, in Unix time.",
      process.started_at);
  add(out, "process_cpu_seconds_total", kCounter, "Processor time that the process has used.",
      process.cpu_seconds);
  add(out, "process_resident_memory_bytes", kGauge, "Memory that the process holds.",
      process.resident_bytes);
  add(out, "process_open_fds", kGauge, "Files and sockets that the process has open.",
      process.open_descriptors);
}

}  // namespace

std::string metrics_text(const MetricsReading& reading) {
  const auto& status = reading.status;
  // The stream tells clusters apart, whatever their nodes and files are called.
  const auto stream = status.stream_id.is_nil() ? std::string() : status.stream_id.to_string();
  Exposition out(Labels{{"node", status.node}, {"database", status.database}, {"stream", stream}});
  add_identity(out, status);
  add_position(out, status);
  add_standbys(out, status);
  add_backend(out, reading);
  add_latencies(out, reading);
  add_wal(out, status);
  add_snapshots(out, reading);
  add_archive(out, reading.status.archive);
  add_denials(out, reading.denials);
  add_http(out, reading.http);
  add_cluster(out, reading.cluster);
  add_process(out, reading);
  return out.take_text();
}

}  // namespace understudy
