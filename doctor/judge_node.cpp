// The node itself, its ports and the other nodes.
#include "doctor/judge.h"

#include <fmt/format.h>

namespace understudy::doctor {
namespace {

Findings judge_status(const Status& status) {
  const auto text =
      fmt::format("{} runs as pid {}: {}, {}, position {}", status.node, status.pid,
                  to_string(status.role), to_string(status.state), status.position.to_string());
  Findings found{{"node", status.is_healthy() ? Mark::ok : Mark::warning, text,
                  status.is_healthy() ? "" : "it is not well: see below, and its log"}};
  if (!status.last_error.empty()) {
    found.push_back(
        {"node", Mark::problem, status.last_error, "docs/OPERATING.md, \"Log events\""});
  }
  for (const auto& warning : status.warnings) {
    found.push_back({"node", Mark::warning, warning, "docs/OPERATING.md, \"Runbooks\""});
  }
  if (status.role == NodeRole::primary && status.standbys.empty()) {
    found.push_back({"node", Mark::note, "no standby is connected",
                     "what the application commits is on this machine alone"});
  }
  return found;
}

Finding judge_port(const Endpoint& listen, const PortFacts& port) {
  if (port.is_ours) {
    return {
        "network", Mark::ok, fmt::format("the node listens on {}:{}", listen.host, port.port), {}};
  }
  if (!port.is_taken) return {"network", Mark::ok, fmt::format("port {} is free", port.port), {}};
  return {
      "network", Mark::problem, fmt::format("port {} is taken by another program", port.port),
      fmt::format("ss -ltnp 'sport = {}' says by whom; end it, or choose another --listen (a node "
                  "takes the port named and the next)",
                  port.port)};
}

Finding judge_peer(const PeerFacts& peer) {
  const auto name = peer.endpoint.to_string();
  if (peer.live_error.empty() && peer.requests_error.empty()) {
    return {"network", Mark::ok, fmt::format("{} can be reached, both ports", name), {}};
  }
  if (!peer.live_error.empty() && !peer.requests_error.empty()) {
    return {"network", Mark::warning,
            fmt::format("{} cannot be reached: {}", name, peer.live_error),
            "is its node running, does it listen on an address that this machine reaches, does a "
            "firewall let both ports through?"};
  }
  const bool is_live = !peer.live_error.empty();
  return {"network", Mark::problem,
          fmt::format("{}: only one of its two ports can be reached; {}: {}", name,
                      peer.endpoint.port + (is_live ? 0 : 1),
                      is_live ? peer.live_error : peer.requests_error),
          "a node needs both, the one named and the next: open it in the firewall"};
}

}  // namespace

Findings judge(const NodeFacts& facts) {
  if (!facts.state_trouble.empty()) {
    return {{"node", Mark::problem, facts.state_trouble,
             "docs/OPERATING.md, \"Damaged files\", when it is damaged; else run as its user"}};
  }
  if (!facts.other_database.empty()) {
    return {{"node", Mark::problem,
             fmt::format("{} belongs to {}", facts.state_dir, facts.other_database),
             "name the state directory of this database with --state, or leave it out"}};
  }
  if (!facts.unanswered.empty()) {
    return {
        {"node", Mark::problem, facts.unanswered, "run the doctor as the node's user, or as root"}};
  }
  if (facts.status) {
    auto found = judge_status(*facts.status);
    if (facts.runs_as != facts.asker) {
      found.push_back(
          {"node", Mark::note,
           fmt::format("it runs as user {}, and the doctor as {}", facts.runs_as, facts.asker),
           "rights are judged here as the doctor's: run it as the node's user"});
    }
    return found;
  }
  return {
      {"node", Mark::note,
       facts.has_state ? "no node runs; it has run here before" : "no node runs, and none has yet",
       "understudy run, publish or subscribe starts it"}};
}

Findings judge(const NetworkFacts& facts) {
  Findings found;
  if (facts.listen) {
    for (const auto& port : facts.ports) found.push_back(judge_port(*facts.listen, port));
  }
  for (const auto& peer : facts.peers) found.push_back(judge_peer(peer));
  return found;
}

}  // namespace understudy::doctor
