#include "takeover/promotion.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

std::string_view plural(Seq count) {
  return count == 1 ? "" : "s";
}

// A node that leads already may only open a further epoch, to end a fork.
std::vector<CommandObjection> object_to_primary(const PromotionFacts& facts) {
  if (facts.is_fork) {
    return {
        {fmt::format("this node leads epoch {} already, and so does another one: with --force "
                     "this one opens epoch {}, and the other follows it",
                     facts.epoch, facts.epoch + 1)}};
  }
  return {{fmt::format("this node is the primary already, of epoch {}", facts.epoch), false}};
}

void object_to_lag(const PromotionFacts& facts, std::vector<CommandObjection>& objections) {
  const Seq known = facts.primary_seq.value_or(0);
  if (known > facts.seqs.received) {
    const Seq missing = known - facts.seqs.received;
    objections.push_back(
        {fmt::format("{} transaction{} of the primary never arrived here (it was at {}, this node "
                     "received up to {})",
                     missing, plural(missing), known, facts.seqs.received),
         true, missing});
  }
  for (const auto& other : facts.ahead) {
    const Seq missing = other.durable > facts.seqs.durable ? other.durable - facts.seqs.durable : 0;
    objections.push_back(
        {fmt::format("{} has more: seq {} of epoch {}, this node has {}; promote that one instead",
                     other.node, other.durable, other.epoch, facts.seqs.durable),
         true, missing});
  }
}

// One silent peer is the lost primary; what the others have, nobody knows.
std::vector<PromotionFacts::Silent> silent_standbys(const PromotionFacts& facts) {
  auto silent = facts.silent;
  if (facts.last_primary_is_there) return silent;
  auto lost = std::ranges::find(silent, facts.primary, &PromotionFacts::Silent::node);
  if (lost == silent.end()) lost = std::ranges::find(silent, "", &PromotionFacts::Silent::node);
  if (lost != silent.end()) silent.erase(lost);
  return silent;
}

void object_to_silence(const PromotionFacts& facts, std::vector<CommandObjection>& objections) {
  for (const auto& [node, address] : silent_standbys(facts)) {
    const auto who = node.empty() ? fmt::format("the node at {}", address)
                                  : fmt::format("{} ({})", node, address);
    objections.push_back(
        {fmt::format("{} does not answer, and may have more: start it, or go on without it", who)});
  }
}

}  // namespace

std::vector<CommandObjection> object_to(const PromotionFacts& facts) {
  if (facts.role == NodeRole::primary) return object_to_primary(facts);
  std::vector<CommandObjection> objections;
  if (facts.state == NodeState::resyncing) {
    objections.push_back(
        {"it is being resynced: its database is not whole yet; wait for "
         "`streaming`, or promote another one",
         false});
  } else if (!facts.has_state) {
    objections.push_back(
        {"it has no whole database of a known position (new, damaged or diverged)", false});
  }
  if (facts.is_switchover) return objections;
  if (facts.primary_answers) {
    objections.push_back(
        {fmt::format("the primary, {}, still answers; to move it use: understudy switchover --to",
                     facts.primary)});
  }
  object_to_lag(facts, objections);
  object_to_silence(facts, objections);
  if (!facts.listens) {
    objections.push_back({"it has no --listen: no other node could follow it"});
  }
  return objections;
}

}  // namespace understudy
