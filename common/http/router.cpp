#include "common/http/router.h"

#include "common/logging/line_text.h"
#include "common/logging/log.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <array>

namespace understudy::http {
namespace {

// What the library reads from is the head that has come, what it writes to is the answer.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view in) : in_(in) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t size) override {
    const auto count = in_.copy(into, size);
    in_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, std::size_t size) override {
    out_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return 0; }

  [[nodiscard]] std::string take_out() { return std::move(out_); }

 private:
  std::string_view in_;
  std::string out_;
};

std::optional<Method> method_of(const std::string& name) {
  if (name == "GET" || name == "HEAD") return Method::get;
  if (name == "POST") return Method::post;
  if (name == "OPTIONS") return Method::options;
  return std::nullopt;
}

constexpr std::string_view kBearer = "Bearer ";

Request to_request(const httplib::Request& from, Method method) {
  Request request;
  request.method = method;
  request.path = from.path;
  for (const auto& [name, value] : from.params) request.parameters.emplace(name, value);
  const auto authorization = from.get_header_value("Authorization");
  if (authorization.starts_with(kBearer)) {
    request.bearer_token = authorization.substr(kBearer.size());
  }
  request.last_event_id = from.get_header_value("Last-Event-ID");
  return request;
}

void fill(Response from, httplib::Response& to) {
  to.status = from.code;
  to.set_header("Cache-Control", "no-store");
  to.set_header("X-Content-Type-Options", "nosniff");
  for (auto& [name, value] : from.headers) to.set_header(name, value);
  if (!from.events_after) return to.set_content(std::move(from.body), from.type);
  // Without a length: what follows the head is sent by the server's loop.
  to.set_content_provider(from.type, [](std::size_t, httplib::DataSink& sink) {
    sink.done();
    return true;
  });
}

// By the answer's first line: the library hands the code to nobody.
bool tells_of_bad_request(std::string_view answer) {
  constexpr std::array<std::string_view, 4> kCodes = {"400", "413", "414", "431"};
  const auto begin = answer.find(' ');
  if (begin == std::string_view::npos) return false;
  return std::ranges::find(kCodes, answer.substr(begin + 1, 3)) != kCodes.end();
}

bool has_body(const httplib::Request& request) {
  const auto length = request.get_header_value("Content-Length");
  return request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
}

}  // namespace

Response error_response(int code, std::string_view message) {
  Response response;
  response.code = code;
  response.body = fmt::format("{{\"error\":{}}}", log::json_text(message));
  return response;
}

std::string busy_answer() {
  return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
}

class Router::Http final : public httplib::Server {
 public:
  struct Route {
    Method method;
    std::string path;
    Lane lane;
    Router::Handler handler;
  };

  Http() {
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      auto answer = respond(request);
      if (request.method == "HEAD") answer.events_after.reset();
      events_after() = answer.events_after;
      fill(std::move(answer), response);
      return HandlerResponse::Handled;
    });
    // Only what the library could not read gets here without a body.
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) {
        fill(error_response(response.status, "bad request"), response);
      }
    });
    set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr& what) {
          std::string reason = "unknown";
          try {
            std::rethrow_exception(what);
          } catch (const std::exception& error) {
            reason = error.what();
          }
          log::warning("http_failed", reason);
          fill(error_response(500, "internal error"), response);
        });
  }

  Answer answer(std::string_view head) {
    MemoryStream stream(head);
    bool is_closed = false;
    events_after().reset();
    process_request(stream, true, is_closed, [](httplib::Request& request) {
      // Answers are small: parts of them are not worth the ways to ask for them too often.
      request.ranges.clear();
      // The library would compress with brotli's dearest level.
      request.headers.erase("Accept-Encoding");
    });
    auto bytes = stream.take_out();
    const bool is_bad = tells_of_bad_request(bytes);
    return {std::move(bytes), std::exchange(events_after(), {}), is_bad};
  }

  std::vector<Route> routes;

 private:
  // What the handler of the request under way on this thread wants; the library hands nothing back.
  static std::optional<std::uint64_t>& events_after() {
    thread_local std::optional<std::uint64_t> value;
    return value;
  }

  [[nodiscard]] Response respond(const httplib::Request& from) const {
    const auto method = method_of(from.method);
    if (!method) return error_response(405, "only GET, HEAD, POST and OPTIONS");
    if (has_body(from)) return error_response(413, "requests carry no body");
    bool is_path_known = false;
    for (const auto& route : routes) {
      if (route.path != from.path) continue;
      is_path_known = true;
      if (route.method != *method) continue;
      return route.handler(to_request(from, *method));
    }
    if (is_path_known) return error_response(405, from.method + " is not for " + from.path);
    return error_response(404, "no such thing: " + from.path);
  }
};

Router::Router() : http_(std::make_unique<Http>()) {}
Router::~Router() = default;

void Router::add(Method method, std::string path, Lane lane, Handler handler) {
  http_->routes.push_back({method, std::move(path), lane, std::move(handler)});
}

Router::Answer Router::answer(std::string_view head) const {
  return http_->answer(head);
}

Lane Router::lane_of(std::string_view head) const {
  const auto begin = head.find(' ');
  if (begin == std::string_view::npos) return Lane::quick;
  const auto path = head.substr(begin + 1, head.find_first_of(" ?\r\n", begin + 1) - begin - 1);
  const auto found = std::ranges::find(http_->routes, path, &Http::Route::path);
  return found == http_->routes.end() ? Lane::quick : found->lane;
}

}  // namespace understudy::http
