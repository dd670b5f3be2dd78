// POST: what changes the node.
#include "common/api/routes.h"
#include "common/http/secret_file.h"

#include <functional>
#include <optional>

namespace understudy {
namespace {

using http::error_response;
using http::Request;
using http::Response;

int http_code(CommandResult::Outcome outcome) {
  switch (outcome) {
    case CommandResult::Outcome::done:
    case CommandResult::Outcome::would_do:
      return 200;
    case CommandResult::Outcome::refused:
      return 409;
    case CommandResult::Outcome::failed:
      break;
  }
  return 500;
}

Response to_response(const CommandResult& result) {
  Response response;
  response.code = http_code(result.outcome);
  response.body = to_json(result);
  return response;
}

// What is said to who may not command; nullopt: let it through.
std::optional<Response> turn_away(const CommandGate& gate, const Request& request) {
  switch (gate.who) {
    case CommandGate::Who::everybody:
      return std::nullopt;
    case CommandGate::Who::nobody:
      return error_response(403,
                            "no commands here: use the node's control socket "
                            "(understudy promote, …)");
    case CommandGate::Who::who_has_the_token:
      break;
  }
  if (!request.bearer_token.empty() && http::is_same_secret(request.bearer_token, gate.token)) {
    return std::nullopt;
  }
  auto response = error_response(401, "commands need the token: Authorization: Bearer …");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"understudy\"");
  return response;
}

class Commands {
 public:
  using Carry = std::function<CommandResult(CommandHandler&, const Request&)>;

  Commands(http::Router& router, CommandHandler& handler, const CommandGate& gate)
      : router_(router), handler_(handler), gate_(gate) {}

  // `one`: held by the command that is under way, of those that keep each other out.
  void add(const char* path, std::mutex& one, const char* busy, Carry carry_out) {
    const auto answer = [&handler = handler_, gate = gate_, &one, busy,
                         carry_out = std::move(carry_out)](const Request& request) {
      if (auto refusal = turn_away(gate, request)) return *refusal;
      const std::unique_lock lock(one, std::try_to_lock);
      if (!lock.owns_lock()) return error_response(503, busy);
      return to_response(carry_out(handler, request));
    };
    router_.add(http::Method::post, path, http::Lane::slow, answer);
  }

 private:
  http::Router& router_;
  CommandHandler& handler_;
  const CommandGate& gate_;
};

constexpr const char* kBusy = "another command is being carried out; try again";

}  // namespace

void add_command_routes(http::Router& router, CommandHandler& handler, CommandLocks& locks,
                        const CommandGate& gate) {
  Commands commands(router, handler, gate);
  commands.add("/promote", locks.command, kBusy, [](auto& node, const Request& request) {
    return node.promote(request.is_set("force"), request.is_set("dry_run"));
  });
  commands.add("/switchover", locks.command, kBusy, [](auto& node, const Request& request) {
    return node.switchover(request.parameter("to"), request.is_set("dry_run"));
  });
  commands.add("/fence", locks.command, kBusy,
               [](auto& node, const Request&) { return node.fence(); });
  commands.add("/unfence", locks.command, kBusy,
               [](auto& node, const Request&) { return node.unfence(); });
  commands.add("/pause", locks.command, kBusy,
               [](auto& node, const Request&) { return node.pause(true); });
  commands.add("/resume", locks.command, kBusy,
               [](auto& node, const Request&) { return node.pause(false); });
  commands.add("/reinit", locks.command, kBusy, [](auto& node, const Request& request) {
    return node.reinit(request.parameter("node"));
  });
  // Not one of the commands that keep each other out: it changes nothing, and takes its time.
  commands.add("/snapshot", locks.snapshot, "another snapshot is being taken; try again",
               [](auto& node, const Request& request) {
                 return node.snapshot(request.parameter("output"));
               });
}

}  // namespace understudy
