// The node itself, its ports and the other nodes.
#include "doctor/judge.h"

#include <fmt/format.h>

#include <cmath>

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

// What a handshake that failed means, and what to do.
Finding judge_refusal(const std::string& name, Handshake outcome, const std::string& own_key) {
  switch (outcome) {
    case Handshake::unlisted:
      return {"network", Mark::problem,
              fmt::format("{}: no entry of --peer-keys has this endpoint", name),
              "which key must answer there is unknown: add endpoint = \"…\" to the peer's entry"};
    case Handshake::refuses_key:
      return {"network", Mark::problem, fmt::format("{} refuses this node's key", name),
              fmt::format("add {} to the --peer-keys there, and SIGHUP that node", own_key)};
    case Handshake::ends_it:
      return {"network", Mark::problem,
              own_key.empty()
                  ? fmt::format("{} ends each connection", name)
                  : fmt::format("{} has another key than --peer-keys say: it ends each handshake",
                                name),
              "on that machine: understudy keygen --public KEY-FILE; correct its entry here. (Its "
              "log, event denied, tells whether it has too many connections instead.)"};
    case Handshake::demands_keys:
      return {"network", Mark::problem,
              fmt::format("{} demands keys, and this node has none", name),
              "give this node --key-file and --peer-keys"};
    case Handshake::has_no_keys:
      return {"network", Mark::problem, fmt::format("{} has no keys, and this node has", name),
              "start the node there with --key-file and --peer-keys"};
    case Handshake::other_words:
      return {"network", Mark::problem, fmt::format("{}: what answers there is no node", name),
              "another program has its port: correct the endpoint, or end that program"};
    case Handshake::no_answer:
    case Handshake::let_in:
      break;
  }
  return {"network", Mark::warning, fmt::format("{} can be reached, and no handshake ends", name),
          "is that a node, does it run (kill -CONT), is its machine overloaded?"};
}

Findings judge_trial(const PeerFacts& peer, const PeerTrial& trial, const std::string& own_key) {
  const auto name = peer.endpoint.to_string();
  if (trial.requests != Handshake::let_in) {
    return {judge_refusal(name, trial.requests, own_key)};
  }
  if (trial.live == Handshake::refuses_key) {
    return {{"network", Mark::warning, fmt::format("{} does not let this node follow", name),
             "when it is to be followed: \"follow\" in may, in this node's entry of the "
             "--peer-keys there; then SIGHUP"}};
  }
  if (trial.live != Handshake::let_in) return {judge_refusal(name, trial.live, own_key)};
  Findings found{{"network",
                  Mark::ok,
                  own_key.empty()
                      ? fmt::format("{} lets this node in", name)
                      : fmt::format("{} lets this node in, and has the right key", name),
                  {}}};
  if (!trial.clock_ahead_us) return found;
  constexpr double kMuch_s = 1;
  const double ahead_s = static_cast<double>(*trial.clock_ahead_us) / 1e6;
  const bool is_wrong = std::abs(ahead_s) > kMuch_s;
  found.push_back({"network", is_wrong ? Mark::warning : Mark::ok,
                   fmt::format("the clock of {} is {:.1f} s {} this machine's", name,
                               std::abs(ahead_s), ahead_s < 0 ? "behind" : "ahead of"),
                   is_wrong
                       ? "lags in seconds, and restoring to a time, are as wrong as that: run "
                         "chrony or systemd-timesyncd on both (timedatectl shows whose is wrong)"
                       : ""});
  return found;
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
  if (!facts.keys_trouble.empty()) {
    found.push_back({"network", Mark::problem, facts.keys_trouble,
                     "the node does not start with these keys, and no handshake was tried"});
  }
  for (const auto& peer : facts.peers) {
    found.push_back(judge_peer(peer));
    if (!peer.trial) continue;
    auto more = judge_trial(peer, *peer.trial, facts.own_key);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

}  // namespace understudy::doctor
