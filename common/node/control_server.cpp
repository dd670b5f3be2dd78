#include "common/node/control_server.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/node/control_path.h"

#include <httplib.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace understudy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kJsonType = "application/json";
constexpr std::int64_t kMaxWait_ms = 24ll * 3600 * 1000;
constexpr std::int64_t kDefaultWait_ms = 5000;

struct WaitRequest {
  Seq seq = 0;
  Level level = Level::applied;
  std::size_t standbys = 1;
  std::int64_t timeout_ms = kDefaultWait_ms;
};

template <typename T>
bool read_number(const httplib::Request& request, const char* name, T& value) {
  if (!request.has_param(name)) return true;
  const auto text = request.get_param_value(name);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// What is wrong with the request; empty: nothing.
std::string read_wait(const httplib::Request& request, WaitRequest& wait) {
  if (!request.has_param("seq"))
    return "seq is missing, e.g. /wait?seq=42&level=applied&timeout=5000";
  if (!read_number(request, "seq", wait.seq)) return "seq is not a number";
  if (!read_number(request, "standbys", wait.standbys) || wait.standbys == 0) {
    return "standbys is not a number from 1";
  }
  if (!read_number(request, "timeout", wait.timeout_ms) || wait.timeout_ms < 0 ||
      wait.timeout_ms > kMaxWait_ms) {
    return "timeout is not a number of milliseconds from 0 to 86400000";
  }
  if (request.has_param("level")) {
    const auto level = parse_wait_level(request.get_param_value("level"));
    if (!level) return "level is not received, durable or applied";
    wait.level = *level;
  }
  return {};
}

bool is_set(const httplib::Request& request, const char* name) {
  return request.has_param(name) && request.get_param_value(name) != "0";
}

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

void answer_error(httplib::Response& response, int code, const std::string& message) {
  response.status = code;
  response.set_content(
      Json{{"error", message}}.dump(-1, ' ', false, Json::error_handler_t::replace), kJsonType);
}

void answer_health(const Status& status, httplib::Response& response) {
  const Json body = {{"healthy", status.is_healthy()},
                     {"state", to_string(status.state)},
                     {"last_error", status.last_error},
                     {"warnings", status.warnings}};
  response.status = status.is_healthy() ? 200 : 503;
  response.set_content(body.dump(-1, ' ', false, Json::error_handler_t::replace), kJsonType);
}

}  // namespace

class ControlServer::Listener {
 public:
  Listener(const std::string& path, const StatusSource& source, CommandHandler& commands)
      : path_(path), short_path_(path), source_(source), commands_(commands) {
    configure();
    add_routes();
    ::unlink(path.c_str());
    // The port means nothing on a Unix socket, but 0 would ask for any.
    if (!server_.bind_to_port(short_path_.get(), 1)) throw IoError("listen on", path, errno);
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "control");
      server_.listen_after_bind();
      ended_ = true;
    });
  }

  ~Listener() {
    stopping_ = true;
    // stop() does nothing before the thread listens.
    while (!server_.is_running() && !ended_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    server_.stop();
    thread_.join();
    ::unlink(path_.c_str());
  }

 private:
  void configure() {
    server_.set_address_family(AF_UNIX);
    server_.new_task_queue = [] { return new httplib::ThreadPool(kWorkers); };
    // Before bind(): the socket's file is made with this mode, so it is never open to others.
    server_.set_socket_options([](socket_t socket) { ::fchmod(socket, 0600); });
    server_.set_read_timeout(2);
    server_.set_write_timeout(2);
    server_.set_keep_alive_max_count(1);
    server_.set_payload_max_length(4096);
    server_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (response.body.empty()) {
        answer_error(response, response.status,
                     response.status == 404 ? "no such thing: " + request.path : "bad request");
      }
    });
    server_.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
          answer_error(response, 500, "internal error");
        });
  }

  void add_routes() {
    server_.Get("/status", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(to_json(source_.status()), kJsonType);
    });
    server_.Get("/health", [this](const httplib::Request&, httplib::Response& response) {
      answer_health(source_.status(), response);
    });
    server_.Get("/wait", [this](const httplib::Request& request, httplib::Response& response) {
      answer_wait(request, response);
    });
    add_command("/promote", [this](const httplib::Request& request) {
      return commands_.promote(is_set(request, "force"), is_set(request, "dry_run"));
    });
    add_command("/switchover", [this](const httplib::Request& request) {
      return commands_.switchover(request.get_param_value("to"), is_set(request, "dry_run"));
    });
    add_snapshot();
    add_command("/fence", [this](const httplib::Request&) { return commands_.fence(); });
    add_command("/unfence", [this](const httplib::Request&) { return commands_.unfence(); });
  }

  // Not one of the commands that keep each other out: it changes nothing, and takes its time.
  void add_snapshot() {
    server_.Post("/snapshot", [this](const httplib::Request& request, httplib::Response& response) {
      const std::unique_lock one(snapshot_mutex_, std::try_to_lock);
      if (!one.owns_lock()) {
        answer_error(response, 503, "another snapshot is being taken; try again");
        return;
      }
      const auto result = commands_.snapshot(request.get_param_value("output"));
      response.status = http_code(result.outcome);
      response.set_content(to_json(result), kJsonType);
    });
  }

  void add_command(const char* path,
                   std::function<CommandResult(const httplib::Request&)> carry_out) {
    server_.Post(path, [this, carry_out = std::move(carry_out)](const httplib::Request& request,
                                                                httplib::Response& response) {
      const std::unique_lock one(command_mutex_, std::try_to_lock);
      if (!one.owns_lock()) {
        answer_error(response, 503, "another command is being carried out; try again");
        return;
      }
      const auto result = carry_out(request);
      response.status = http_code(result.outcome);
      response.set_content(to_json(result), kJsonType);
    });
  }

  void answer_wait(const httplib::Request& request, httplib::Response& response) {
    WaitRequest wait;
    if (const auto wrong = read_wait(request, wait); !wrong.empty()) {
      answer_error(response, 400, wrong);
      return;
    }
    struct Count {
      std::atomic<int>& waits;
      ~Count() { --waits; }
    } count{waits_};
    if (++waits_ > kMaxWaits) {
      answer_error(response, 503, "too many are waiting already; try again");
      return;
    }
    await(wait, response);
  }

  void await(const WaitRequest& wait, httplib::Response& response) {
    const auto deadline_us = monotonic_time_us() + wait.timeout_ms * 1000;
    std::int64_t pause_us = 500;
    for (;;) {
      const auto status = source_.status();
      const auto count = status.count_at(wait.level, wait.seq);
      const auto left_us = deadline_us - monotonic_time_us();
      if (count >= wait.standbys || left_us <= 0) {
        const Json body = {{"reached", count >= wait.standbys}, {"standbys", count}};
        response.set_content(body.dump(), kJsonType);
        return;
      }
      if (stopping_) {
        answer_error(response, 503, "the node is stopping");
        return;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(std::min(pause_us, left_us)));
      pause_us = std::min<std::int64_t>(pause_us * 5 / 4, 10'000);
    }
  }

  std::string path_;
  SocketPath short_path_;
  const StatusSource& source_;
  CommandHandler& commands_;
  std::mutex command_mutex_;
  std::mutex snapshot_mutex_;
  httplib::Server server_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};
  std::atomic<int> waits_{0};
  std::thread thread_;
};

ControlServer::ControlServer(const std::string& socket_path, const StatusSource& source,
                             CommandHandler& commands)
    : listener_(std::make_unique<Listener>(socket_path, source, commands)) {}

ControlServer::~ControlServer() = default;

}  // namespace understudy
