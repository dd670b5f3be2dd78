// Router: from the bytes of a request to the bytes of its answer, by the path. cpp-httplib reads
// the one and writes the other.
//
// Routes are added before the first answer(); then any thread may ask for answers at once.
#pragma once

#include "common/http/exchange.h"

#include <functional>
#include <memory>
#include <string_view>

namespace understudy::http {

// Who answers: requests of one lane never wait for those of another.
enum class Lane : std::uint8_t {
  at_once,  // the loop itself: nothing that may wait for anything
  health,   // what balancers ask
  quick,    // reads what is known
  slow,     // may wait, for seconds or hours
};
constexpr std::size_t kLanes = 4;

class Router {
 public:
  using Handler = std::function<Response(const Request&)>;

  Router();
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // GET also answers HEAD.
  void add(Method method, std::string path, Lane lane, Handler handler);

  struct Answer {
    std::string bytes;
    std::optional<std::uint64_t> events_after = {};  // see Response
    bool is_bad_request = false;  // what came could not be read, or is more than is read
  };
  // `head`: a request up to its empty line. `client`: where it comes from, for the log.
  [[nodiscard]] Answer answer(std::string_view head) const;
  // By its first line only; of what is not known: quick.
  [[nodiscard]] Lane lane_of(std::string_view head) const;

 private:
  class Http;
  std::unique_ptr<Http> http_;
};

// {"error": message}
[[nodiscard]] Response error_response(int code, std::string_view message);

// An answer without a router, for when there is nobody to make one.
[[nodiscard]] std::string busy_answer();

}  // namespace understudy::http
