// Crowds at the door: half-open handshakes, garbage, scans and huge messages neither get in nor
// keep an honest client out.
#include "common/security/admission.h"
#include "tests/transport/parties.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

using namespace understudy;

namespace {

// A TCP connection from 127.0.0.`host`.
class Caller {
 public:
  Caller(std::uint16_t port, int host) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7F000000u + static_cast<std::uint32_t>(host));
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0);
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    static_cast<void>(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to));
  }
  ~Caller() { ::close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  void say(const Bytes& bytes) const {
    static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

 private:
  int fd_;
};

// ZMTP 3.1, mechanism CURVE, as a client sends it.
Bytes greeting() {
  Bytes bytes(64);
  bytes[0] = std::byte{0xFF};
  bytes[8] = std::byte{1};
  bytes[9] = std::byte{0x7F};
  bytes[10] = std::byte{3};
  bytes[11] = std::byte{1};
  const std::string mechanism = "CURVE";
  for (std::size_t i = 0; i < mechanism.size(); ++i) {
    bytes[12 + i] = static_cast<std::byte>(mechanism[i]);
  }
  return bytes;
}

// The beginning of a command of that many bytes.
Bytes long_command(std::uint64_t size) {
  Bytes bytes = greeting();
  bytes.push_back(std::byte{0x06});
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::byte>(size >> shift));
  }
  bytes.resize(bytes.size() + 100'000);
  return bytes;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

struct Stage {
  Party server_party{"server"}, friend_party{"friend"};
  TestServer server;
  Stage() : server(server_party.with({friend_party.known({Right::follow})})) {}
  std::shared_ptr<Security> honest() const {
    return friend_party.with({server_party.known({Right::follow, Right::feed}, server.endpoint())});
  }
};

}  // namespace

TEST_CASE("hundreds of half-open handshakes: at most so many stand, and honest clients get in") {
  Stage stage;
  TestClient before(stage.honest(), stage.server);
  wait_until(stage.server, {&before}, [&] { return before.live > 0; });
  const auto port = stage.server.sockets.endpoint().port;
  const auto at_rest = open_descriptors();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 600; ++i) {
    callers.push_back(
        std::make_unique<Caller>(static_cast<std::uint16_t>(port + i % 2), 2 + i % 200));
    if (i % 3 == 0) callers.back()->say(greeting());
    if (i % 20 == 0) static_cast<void>(stage.server.turn());
  }
  wait_until(stage.server, {&before}, [&] { return stage.server.denied(Denial::too_many) > 0; });
  let_pass(stage.server, {&before}, stage.honest());
  // Ours, those that may stand, and the two sides of each client.
  wait_until(stage.server, {&before}, [&] {
    return open_descriptors() <= at_rest + callers.size() + 2 * AdmissionLimits{}.unproven;
  });
  const int had = before.live;
  wait_until(stage.server, {&before}, [&] { return before.live > had; });
}

TEST_CASE(
    "garbage, scans and commands without an end are turned away, and nothing of them is kept") {
  Stage stage;
  TestClient before(stage.honest(), stage.server);
  wait_until(stage.server, {&before}, [&] { return before.live > 0; });
  const auto port = stage.server.sockets.endpoint().port;
  std::mt19937 random(5);
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 120; ++i) {
    callers.push_back(std::make_unique<Caller>(static_cast<std::uint16_t>(port + i % 2), 2 + i));
    Bytes garbage(1 + random() % 5000);
    for (auto& byte : garbage) byte = static_cast<std::byte>(random());
    if (i % 4 == 0) callers.back()->say(garbage);
    if (i % 4 == 1) callers.back()->say(long_command(std::uint64_t{1} << (10 + i % 50)));
    if (i % 4 == 2) {
      callers.back()->say(greeting());
      callers.back()->say(garbage);
    }
    if (i % 4 == 3) callers.pop_back();  // a scan
    REQUIRE_FALSE(stage.server.turn());
  }
  let_pass(stage.server, {&before}, stage.honest());
  const int had = before.live;
  wait_until(stage.server, {&before}, [&] { return before.live > had; });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  CHECK(usage.ru_maxrss < 256 * 1024);  // KiB
}
