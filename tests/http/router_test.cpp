// From the bytes of a request to those of its answer, whatever the bytes are.
#include "common/http/router.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

using namespace understudy::http;

namespace {

Router& some_router() {
  static Router router;
  static const bool is_filled = [] {
    router.add(Method::get, "/a", Lane::quick, [](const Request& request) {
      Response response;
      response.body = request.parameter("x") + "|" + request.bearer_token;
      return response;
    });
    router.add(Method::options, "/a", Lane::quick, [](const Request&) { return Response{}; });
    router.add(Method::post, "/do", Lane::slow, [](const Request&) { return Response{}; });
    router.add(Method::get, "/events", Lane::quick, [](const Request&) {
      Response response;
      response.type = "text/event-stream";
      response.events_after = 3;
      return response;
    });
    router.add(Method::get, "/fail", Lane::quick,
               [](const Request&) -> Response { throw std::runtime_error("reason"); });
    return true;
  }();
  (void)is_filled;
  return router;
}

std::string ask(const std::string& line, const std::string& headers = "") {
  return some_router().answer(line + " HTTP/1.1\r\n" + headers + "\r\n").bytes;
}

bool is(const std::string& answer, int code) {
  return answer.starts_with(fmt::format("HTTP/1.1 {} ", code));
}

}  // namespace

TEST_CASE("parameters and the token come out, decoded") {
  CHECK(ask("GET /a?x=1%20%2b2").ends_with("\r\n\r\n1 +2|"));
  CHECK(ask("GET /a", "Authorization: Bearer secret\r\n").ends_with("|secret"));
  CHECK(ask("GET /a", "Authorization: Basic secret\r\n").ends_with("\r\n\r\n|"));
}

TEST_CASE("HEAD is GET without a body; OPTIONS is asked for by itself") {
  const auto head = ask("HEAD /a?x=12345");
  CHECK(is(head, 200));
  CHECK(head.find("Content-Length: 6") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(is(ask("OPTIONS /a"), 200));
  CHECK(is(ask("OPTIONS /do"), 405));
}

TEST_CASE("what is not there, or not so, is told by its code") {
  CHECK(is(ask("GET /b"), 404));
  CHECK(is(ask("GET /do"), 405));
  CHECK(is(ask("POST /a"), 405));
  CHECK(is(ask("PUT /a"), 405));
  CHECK(is(ask("DELETE /a"), 405));
  CHECK(is(ask("POST /do"), 200));
  CHECK(is(ask("POST /do", "Content-Length: 0\r\n"), 200));
  CHECK(is(ask("POST /do", "Content-Length: 5\r\n"), 413));
  CHECK(is(ask("POST /do", "Transfer-Encoding: chunked\r\n"), 413));
  CHECK(is(ask("GET /fail"), 500));
  CHECK(ask("GET /fail").find("reason") == std::string::npos);
}

TEST_CASE("one that stays open has no length, and says where its events begin") {
  const auto answer = some_router().answer("GET /events HTTP/1.1\r\n\r\n");
  CHECK(answer.events_after == 3);
  CHECK(answer.bytes.find("Content-Length") == std::string::npos);
  CHECK(answer.bytes.ends_with("\r\n\r\n"));
  CHECK_FALSE(some_router().answer("HEAD /events HTTP/1.1\r\n\r\n").events_after);
  CHECK_FALSE(some_router().answer("GET /a HTTP/1.1\r\n\r\n").events_after);
}

TEST_CASE("ranges do not multiply an answer") {
  std::string ranges = "Range: bytes=0-";
  for (int i = 0; i < 300; ++i) ranges += ",0-";
  CHECK(ask("GET /a?x=12345", ranges + "\r\n").size() < 1000);
}

TEST_CASE("the lane goes by the path alone") {
  const auto& router = some_router();
  CHECK(router.lane_of("POST /do?x=1 HTTP/1.1\r\n") == Lane::slow);
  CHECK(router.lane_of("GET /a HTTP/1.1\r\n") == Lane::quick);
  CHECK(router.lane_of("GET /dolphin HTTP/1.1\r\n") == Lane::quick);
  for (const auto* text : {"", " ", "GET", "GET ", "\r\n\r\n", "   "}) {
    CHECK(router.lane_of(text) == Lane::quick);
  }
}

TEST_CASE("random bytes, and requests with bytes changed, get an answer and nothing else") {
  std::mt19937_64 random(11);
  const std::string whole =
      "POST /do?x=%41&y=2 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n";
  std::size_t count = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto text = whole;
    for (std::size_t i = 0; i <= random() % 8; ++i) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    if (round % 4 == 0) text.resize(random() % text.size());
    const auto answer = some_router().answer(text).bytes;
    const bool is_answer = answer.empty() || answer.starts_with("HTTP/1.1 ");
    if (!is_answer) CHECK_MESSAGE(is_answer, answer);
    ++count;
  }
  CHECK(count == 20'000);
  fmt::print("understudy-count: damaged HTTP requests={}\n", count);
}
