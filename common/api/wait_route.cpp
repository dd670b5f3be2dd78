// GET /wait: until a transaction has arrived.
#include "common/api/api.h"
#include "common/api/routes.h"
#include "common/core/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

namespace understudy {
namespace {

using http::error_response;
using http::Request;
using http::Response;

constexpr std::int64_t kMaxWait_ms = 24ll * 3600 * 1000;
constexpr std::int64_t kDefaultWait_ms = 5000;

struct WaitRequest {
  Seq seq = 0;
  Level level = Level::applied;
  std::size_t standbys = 1;
  std::int64_t timeout_ms = kDefaultWait_ms;
};

template <typename T>
bool read_number(const Request& request, const char* name, T& value) {
  if (!request.has(name)) return true;
  const auto text = request.parameter(name);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// What is wrong with the request; empty: nothing.
std::string read_wait(const Request& request, WaitRequest& wait) {
  if (!request.has("seq")) return "seq is missing, e.g. /wait?seq=42&level=applied&timeout=5000";
  if (!read_number(request, "seq", wait.seq)) return "seq is not a number";
  if (!read_number(request, "standbys", wait.standbys) || wait.standbys == 0) {
    return "standbys is not a number from 1";
  }
  if (!read_number(request, "timeout", wait.timeout_ms) || wait.timeout_ms < 0 ||
      wait.timeout_ms > kMaxWait_ms) {
    return "timeout is not a number of milliseconds from 0 to 86400000";
  }
  if (request.has("level")) {
    const auto level = parse_wait_level(request.parameter("level"));
    if (!level) return "level is not received, durable or applied";
    wait.level = *level;
  }
  return {};
}

Response await(const WaitRequest& wait, const NodeView& node, const std::atomic<bool>& stopping) {
  const auto deadline_us = monotonic_time_us() + wait.timeout_ms * 1000;
  std::int64_t pause_us = 500;
  for (;;) {
    const auto status = node.status();
    const auto count = status.count_at(wait.level, wait.seq);
    const auto left_us = deadline_us - monotonic_time_us();
    if (count >= wait.standbys || left_us <= 0) {
      Response response;
      response.body =
          fmt::format(R"({{"reached":{},"standbys":{}}})", count >= wait.standbys, count);
      return response;
    }
    if (stopping) return error_response(503, "the node is stopping");
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(pause_us, left_us)));
    pause_us = std::min<std::int64_t>(pause_us * 5 / 4, 10'000);
  }
}

}  // namespace

void add_wait_route(http::Router& router, const NodeView& node, const std::atomic<bool>& stopping,
                    std::atomic<int>& waits) {
  router.add(http::Method::get, "/wait", http::Lane::slow,
             [&node, &stopping, &waits](const Request& request) {
               WaitRequest wait;
               if (const auto wrong = read_wait(request, wait); !wrong.empty()) {
                 return error_response(400, wrong);
               }
               struct Count {
                 std::atomic<int>& waits;
                 ~Count() { --waits; }
               } count{waits};
               if (++waits > Api::kMaxWaits) {
                 return error_response(503, "too many are waiting already; try again");
               }
               return await(wait, node, stopping);
             });
}

}  // namespace understudy
