#include "common/node/control_client.h"

#include "common/core/errors.h"
#include "common/node/control_path.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

constexpr int kAnswerTimeout_s = 5;

// nullopt: nobody listens.
std::optional<httplib::Response> ask(const std::string& socket_path, const std::string& target,
                                     std::int64_t timeout_s) {
  if (!std::filesystem::exists(socket_path)) return std::nullopt;
  if (::access(socket_path.c_str(), W_OK) != 0) {
    throw TransportError(fmt::format("cannot ask {}: {}; run this as the user that runs the node",
                                     socket_path, std::strerror(errno)));
  }
  const SocketPath short_path(socket_path);
  httplib::Client client(short_path.get());
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(kAnswerTimeout_s);
  client.set_read_timeout(timeout_s);
  const auto result = client.Get(target);
  if (result) return result.value();
  if (result.error() == httplib::Error::Connection) return std::nullopt;
  throw TransportError(fmt::format("no answer from {} ({}); is the process stuck?", socket_path,
                                   httplib::to_string(result.error())));
}

bool says_reached(const std::string& body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  return answer.is_object() && answer.value("reached", nlohmann::json(false)) == true;
}

}  // namespace

ControlClient::ControlClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

std::optional<Status> ControlClient::status() {
  const auto answer = ask(socket_path_, "/status", kAnswerTimeout_s);
  if (!answer) return std::nullopt;
  auto status = status_from_json(answer->body);
  if (answer->status != 200 || !status) {
    throw TransportError(fmt::format("{} answered {} and not a status; is another version running?",
                                     socket_path_, answer->status));
  }
  return status;
}

WaitResult ControlClient::wait(Seq seq, Level level, std::size_t standbys,
                               std::int64_t timeout_ms) {
  const auto target = fmt::format("/wait?seq={}&level={}&standbys={}&timeout={}", seq,
                                  to_string(level), standbys, timeout_ms);
  const auto answer = ask(socket_path_, target, timeout_ms / 1000 + kAnswerTimeout_s);
  if (!answer) return WaitResult::stopped;
  if (answer->status == 200) {
    return says_reached(answer->body) ? WaitResult::reached : WaitResult::timed_out;
  }
  if (answer->status == 503 && answer->body.find("stopping") != std::string::npos) {
    return WaitResult::stopped;
  }
  throw TransportError(
      fmt::format("{} answered {}: {}", socket_path_, answer->status, answer->body));
}

}  // namespace understudy
