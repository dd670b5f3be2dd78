#include "common/node/control_client.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/node/control_path.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

namespace understudy {
namespace {

constexpr int kAnswerTimeout_s = 5;

// A server whose queue of new connections is full (EAGAIN) is there all the same.
bool is_anybody_listening(const std::string& short_path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw IoError("open", "socket", errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  short_path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool refused =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      (errno == ECONNREFUSED || errno == ENOENT);
  ::close(descriptor);
  return !refused;
}

enum class Method { get, post };

httplib::Result send(const std::string& short_path, Method method, const std::string& target,
                     std::int64_t timeout_s) {
  httplib::Client client(short_path);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(kAnswerTimeout_s);
  client.set_read_timeout(timeout_s);
  return method == Method::get ? client.Get(target) : client.Post(target);
}

// nullopt: nobody listens.
std::optional<httplib::Response> ask(const std::string& socket_path, Method method,
                                     const std::string& target, std::int64_t timeout_s) {
  if (!std::filesystem::exists(socket_path)) return std::nullopt;
  if (::access(socket_path.c_str(), W_OK) != 0) {
    throw TransportError(fmt::format("cannot ask {}: {}; run this as the user that runs the node",
                                     socket_path, std::strerror(errno)));
  }
  const SocketPath short_path(socket_path);
  const auto deadline_us = monotonic_time_us() + kAnswerTimeout_s * 1'000'000;
  for (;;) {
    const auto result = send(short_path.get(), method, target, timeout_s);
    if (result) return result.value();
    const bool refused = result.error() == httplib::Error::Connection;
    if (refused && !is_anybody_listening(short_path.get())) return std::nullopt;
    if (!refused || monotonic_time_us() > deadline_us) {
      throw TransportError(fmt::format("no answer from {} ({}); is the process stuck?", socket_path,
                                       httplib::to_string(result.error())));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool says_reached(const std::string& body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  return answer.is_object() && answer.value("reached", nlohmann::json(false)) == true;
}

}  // namespace

ControlClient::ControlClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

std::optional<Status> ControlClient::status() {
  const auto answer = ask(socket_path_, Method::get, "/status", kAnswerTimeout_s);
  if (!answer) return std::nullopt;
  auto status = status_from_json(answer->body);
  if (answer->status != 200 || !status) {
    throw TransportError(fmt::format("{} answered {} and not a status; is another version running?",
                                     socket_path_, answer->status));
  }
  return status;
}

std::optional<std::string> ControlClient::cluster() {
  const auto answer = ask(socket_path_, Method::get, "/cluster", kAnswerTimeout_s);
  if (!answer) return std::nullopt;
  if (answer->status == 200) return answer->body;
  throw TransportError(fmt::format("{} answered {} to /cluster; is another version running?",
                                   socket_path_, answer->status));
}

WaitResult ControlClient::wait(Seq seq, Level level, std::size_t standbys,
                               std::int64_t timeout_ms) {
  const auto target = fmt::format("/wait?seq={}&level={}&standbys={}&timeout={}", seq,
                                  to_string(level), standbys, timeout_ms);
  const auto answer = ask(socket_path_, Method::get, target, timeout_ms / 1000 + kAnswerTimeout_s);
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

std::optional<CommandResult> ControlClient::command(const std::string& target,
                                                    std::int64_t timeout_s) {
  const auto answer = ask(socket_path_, Method::post, target, timeout_s);
  if (!answer) return std::nullopt;
  auto result = command_result_from_json(answer->body);
  if (result) return result;
  const auto error = nlohmann::json::parse(answer->body, nullptr, false);
  const auto text = error.is_object() ? error.value("error", answer->body) : answer->body;
  throw TransportError(fmt::format("{} answered {}: {}", socket_path_, answer->status, text));
}

}  // namespace understudy
