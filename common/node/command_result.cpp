#include "common/node/command_handler.h"

#include <array>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kOutcomes = {"done", "would_do", "refused", "failed"};

std::optional<CommandResult::Outcome> parse_outcome(std::string_view text) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    if (kOutcomes[i] == text) return static_cast<CommandResult::Outcome>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(CommandResult::Outcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

std::string to_json(const CommandResult& result) {
  Json objections = Json::array();
  for (const auto& objection : result.objections) {
    objections.push_back({{"text", objection.text},
                          {"can_be_forced", objection.can_be_forced},
                          {"at_stake", objection.at_stake}});
  }
  const Json out = {{"outcome", to_string(result.outcome)},
                    {"text", result.text},
                    {"objections", objections},
                    {"position", result.position.to_string()}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<CommandResult> command_result_from_json(std::string_view text) {
  try {
    const auto from = Json::parse(text);
    const auto outcome = parse_outcome(from.at("outcome").get<std::string>());
    const auto position = Position::parse(from.at("position").get<std::string>());
    if (!outcome || !position) return std::nullopt;
    CommandResult result{*outcome, from.at("text").get<std::string>(), {}, *position};
    for (const auto& objection : from.at("objections")) {
      result.objections.push_back({objection.at("text").get<std::string>(),
                                   objection.at("can_be_forced").get<bool>(),
                                   objection.at("at_stake").get<Seq>()});
    }
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace understudy
