// The cluster as one of its nodes sees it, as a table or as it comes.
#include "cli/commands.h"
#include "cli/node_path.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

namespace understudy {
namespace {

using Json = nlohmann::json;
using Row = std::vector<std::string>;

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string lag_of(const Json& member) {
  const auto lag = member.value("lag_transactions", Json());
  if (lag.is_null()) return "-";
  return lag == 0 ? "none" : fmt::format("{} tx", lag.get<std::uint64_t>());
}

std::string remark_of(const Json& member, bool is_holder) {
  std::string text;
  const auto add = [&text](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (is_holder) add("holds the lease");
  if (member.value("is_fenced", false)) add("fenced");
  if (const auto silent = member.value("silent_seconds", Json()); silent.is_number()) {
    add(fmt::format("silent for {:.0f} s", silent.get<double>()));
  }
  if (member.value("nofailover", false)) add("nofailover");
  if (member.value("noloadbalance", false)) add("noloadbalance");
  if (const auto priority = member.value("priority", Json(0)); priority != 0) {
    add("priority " + priority.dump());
  }
  const auto refusal = member.value("refusal", Json());
  if (refusal.is_string() && member.value("role", "") == "standby") {
    add("would not take over: " + refusal.get<std::string>());
  }
  return text;
}

void print_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
    }
    fmt::print("{}\n", line);
  }
}

void print_lease(const Json& cluster) {
  const auto lease = cluster.value("lease", Json());
  if (lease.is_null()) return fmt::print("lease    none: nodes are promoted by hand\n");
  const bool is_held = lease.value("is_held", false);
  const auto holder = text_of(lease.value("holder", Json()));
  fmt::print("lease    {}, epoch {}, renewed {:.1f} s ago, ttl {:.0f} s{}{}\n",
             is_held ? "held by " + holder : "free (last: " + holder + ")",
             lease.value("epoch", 0ull), lease.value("age_seconds", 0.0),
             lease.value("ttl_seconds", 0.0),
             lease.value("is_paused", false)    ? ", automatics PAUSED"
             : lease.value("is_pausing", false) ? ", automatics pausing: the holder does not know"
                                                : "",
             lease.value("is_on_promises", false) ? ", on the promises of all others" : "");
  const auto synced = lease.value("synced", std::vector<std::string>{});
  if (!synced.empty()) fmt::print("synced   {}\n", fmt::join(synced, ", "));
  const auto trouble = lease.value("trouble", Json());
  if (trouble.is_string()) fmt::print("trouble  {}\n", trouble.get<std::string>());
}

void print_cluster(const Json& cluster) {
  fmt::print("stream   {}\nprimary  {}, epoch {}\n", text_of(cluster.value("stream_id", Json())),
             text_of(cluster.value("primary", Json())), cluster.value("epoch", 0ull));
  print_lease(cluster);
  const auto lease = cluster.value("lease", Json());
  const auto holder =
      lease.is_object() && lease.value("is_held", false) ? lease.value("holder", Json()) : Json();
  std::vector<Row> rows{{"", "NODE", "ENDPOINT", "ROLE", "STATE", "EPOCH/SEQ", "LAG", ""}};
  for (const auto& member : cluster.value("members", Json::array())) {
    const auto node = member.value("node", Json());
    rows.push_back({member.value("is_self", false) ? "*" : "", text_of(node),
                    text_of(member.value("endpoint", Json())), member.value("role", "none"),
                    text_of(member.value("state", Json())),
                    fmt::format("{}/{}", member.value("epoch", 0ull), member.value("seq", 0ull)),
                    lag_of(member), remark_of(member, node.is_string() && node == holder)});
  }
  fmt::print("\n");
  print_table(rows);
}

}  // namespace

ExitCode run(const ClusterCommand& command) {
  const auto node = find_node(command.of);
  const auto answer = ControlClient(node.directory.control_socket()).cluster();
  if (!answer) {
    throw TransportError(fmt::format("{} does not run (no answer from {}); ask another node",
                                     node.identity.node, node.directory.control_socket()));
  }
  if (command.json) {
    fmt::print("{}\n", *answer);
    return ExitCode::ok;
  }
  const auto cluster = Json::parse(*answer, nullptr, false);
  if (!cluster.is_object()) throw TransportError("the node's answer is no cluster: " + *answer);
  print_cluster(cluster);
  return ExitCode::ok;
}

}  // namespace understudy
