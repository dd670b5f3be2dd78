// Endpoints as users write them: what is taken, what is refused, and what counts as loopback.
#include "common/transport/endpoint.h"

#include "common/core/errors.h"

#include <doctest/doctest.h>

using namespace understudy;

TEST_CASE("endpoints are parsed, and the next port serves requests") {
  const auto endpoint = Endpoint::parse("tcp://127.0.0.1:7600");
  CHECK(endpoint.live() == "tcp://127.0.0.1:7600");
  CHECK(endpoint.requests() == "tcp://127.0.0.1:7601");
  CHECK(Endpoint::parse("tcp://[::1]:65534").requests() == "tcp://[::1]:65535");
}

TEST_CASE("what is no endpoint is refused with the reason") {
  for (const auto* text : {"", "7600", "127.0.0.1:7600", "tcp://", "tcp://host", "tcp://:7600",
                           "tcp://host:", "tcp://host:x", "tcp://host:65535",
                           "tcp://host:99999999999", "tcp://host:-1", "tcp://::1:7600",
                           "tcp://[::1]", "tcp://a b:1", "udp://host:1", "tcp://host:1/"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Endpoint::parse(text), ConfigError);
  }
}

TEST_CASE("only names and addresses of this machine are loopback") {
  for (const auto* text :
       {"tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://localhost:1", "tcp://[::1]:1"}) {
    CHECK(Endpoint::parse(text).is_loopback());
  }
  for (const auto* text : {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://10.0.0.1:1", "tcp://[::]:1",
                           "tcp://127.0.0.1.example.org:1", "tcp://example.org:1"}) {
    CHECK_FALSE(Endpoint::parse(text).is_loopback());
  }
}
