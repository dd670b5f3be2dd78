// The control socket answers whatever is thrown at it, and ends at once however many wait.
#include "common/api/api.h"

#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/node/control_client.h"
#include "common/node/control_path.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

using namespace understudy;

namespace {

class FakeNode final : public NodeView, public CommandHandler {
 public:
  [[nodiscard]] Status status() const override {
    Status status;
    status.node = "fake";
    status.role = NodeRole::standby;
    status.state = NodeState::streaming;
    status.progression = Progression{seq, seq, seq};
    return status;
  }
  [[nodiscard]] ClusterStatus cluster() const override { return {}; }
  [[nodiscard]] const Meters& meters() const override { return meters_; }
  CommandResult promote(bool force, bool dry_run) override {
    if (!force) {
      return {
          CommandResult::Outcome::refused, "not \"now\"", {{"it is behind", true, 3}}, {1, 2, 3}};
    }
    return {dry_run ? CommandResult::Outcome::would_do : CommandResult::Outcome::done, "", {}, {}};
  }
  CommandResult switchover(const std::string& to, bool) override {
    return {CommandResult::Outcome::failed, to, {}, {}};
  }
  CommandResult fence() override {
    while (is_fencing) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
  }
  CommandResult unfence() override { return {}; }
  CommandResult pause(bool is_paused) override {
    return {CommandResult::Outcome::done, is_paused ? "paused" : "resumed", {}, {}};
  }
  CommandResult reinit(const std::string& node) override {
    return {CommandResult::Outcome::done, "anew " + node, {}, {}};
  }
  CommandResult snapshot(const std::string& output) override {
    return {CommandResult::Outcome::done, "made " + output, {}, {1, 2, 3}};
  }

  std::atomic<Seq> seq{0};
  std::atomic<bool> is_fencing{false};

 private:
  Meters meters_;
};

// Sends bytes as they are; the whole answer, empty when the server just closes.
// `ends`: nothing more is to come, so the server need not wait for the rest.
std::string send_raw(const std::string& path, std::string_view request, bool ends) {
  const SocketPath short_path(path);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, short_path.get().c_str(), sizeof address.sun_path - 1);
  REQUIRE(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  (void)::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
  if (ends) ::shutdown(descriptor, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (;;) {
    const auto count = ::read(descriptor, buffer, sizeof buffer);
    if (count <= 0) break;
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  return answer;
}

std::string get(const std::string& path, const std::string& target) {
  return send_raw(path, "GET " + target + " HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n",
                  false);
}

bool answers(const std::string& answer, int code) {
  return answer.starts_with("HTTP/1.1 " + std::to_string(code));
}

}  // namespace

TEST_CASE("the socket is for its owner only, and goes away with the server") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  FakeNode node;
  {
    const Api server({path, {}}, node, node);
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(ControlClient(path).status().value().node == "fake");
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
  CHECK_FALSE(ControlClient(path).status().has_value());
}

TEST_CASE("a socket that a killed process left is replaced; nobody listening is no error") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(stale);
  CHECK_FALSE(ControlClient(path).status().has_value());
  FakeNode node;
  const Api server({path, {}}, node, node);
  CHECK(ControlClient(path).status().has_value());
}

TEST_CASE("a path that is too long for a socket address works") {
  const test::TemporaryDirectory directory;
  const auto folder = directory.file(std::string(200, 'd'));
  REQUIRE(::mkdir(folder.c_str(), 0700) == 0);
  FakeNode node;
  const Api server({folder + "/control.sock", {}}, node, node);
  CHECK(ControlClient(folder + "/control.sock").status().has_value());
}

TEST_CASE("wait ends when the level is reached, or in time") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  FakeNode node;
  const Api server({path, {}}, node, node);
  ControlClient client(path);
  CHECK(client.wait(1, Level::applied, 1, 20) == WaitResult::timed_out);
  std::optional<WaitResult> result;
  std::thread waiting([&] { result = ControlClient(path).wait(5, Level::durable, 1, 20'000); });
  node.seq = 5;
  waiting.join();
  CHECK(result == WaitResult::reached);
}

TEST_CASE("waiting clients leave room for others, and do not hold up the end") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  FakeNode node;
  std::optional<Api> server(std::in_place, ApiOptions{path, {}}, node, node);
  std::vector<std::thread> waiting;
  std::atomic<int> stopped{0};
  for (int i = 0; i < Api::kMaxWaits; ++i) {
    waiting.emplace_back([&] {
      // The probing below may have the last place for a moment: then again.
      for (;;) {
        try {
          if (ControlClient(path).wait(9, Level::applied, 1, 60'000) == WaitResult::stopped)
            ++stopped;
          return;
        } catch (const TransportError&) {
          continue;
        }
      }
    });
  }
  const auto deadline_us = monotonic_time_us() + 10'000'000;
  std::string answer;
  while (!answers(answer, 503) && monotonic_time_us() < deadline_us) {
    answer = get(path, "/wait?seq=9&timeout=1");
  }
  CAPTURE(answer);
  CHECK(answers(answer, 503));
  CHECK(ControlClient(path).status().has_value());
  const auto before_us = monotonic_time_us();
  server.reset();
  CHECK(monotonic_time_us() - before_us < 3'000'000);
  for (auto& thread : waiting) thread.join();
  CHECK(stopped == Api::kMaxWaits);
}

TEST_CASE("garbage and wrong requests get an answer or a closed connection") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  FakeNode node;
  const Api server({path, {}}, node, node);
  CHECK(answers(get(path, "/health"), 200));
  CHECK(answers(get(path, "/nothing"), 404));
  for (const auto* target :
       {"/wait", "/wait?seq=", "/wait?seq=x", "/wait?seq=-1", "/wait?seq=1&level=shown",
        "/wait?seq=1&timeout=-5", "/wait?seq=1&timeout=99999999999999999999",
        "/wait?seq=1&standbys=0", "/wait?seq=18446744073709551616"}) {
    CAPTURE(std::string(target));
    CHECK(answers(get(path, target), 400));
  }
  const std::string long_line(100'000, 'a');
  for (const auto& request :
       {std::string("\r\n\r\n"), std::string("\0\0\0\0", 4), std::string("\x16\x03\x01\x02"),
        std::string("GET"), "GET /" + long_line + " HTTP/1.1\r\n\r\n",
        "GET /status HTTP/1.1\r\nX: " + long_line + "\r\n\r\n",
        std::string("POST /status HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"),
        std::string("DELETE /status HTTP/1.1\r\n\r\n")}) {
    CHECK_FALSE(answers(send_raw(path, request, true), 200));
  }
  CHECK(ControlClient(path).status().has_value());
}

TEST_CASE("what answers but is no node is an error in words") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("control.sock");
  const int other = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(other, 1) == 0);
  std::thread rude([other] {
    const int peer = ::accept(other, nullptr, nullptr);
    (void)::send(peer, "what?\n", 6, MSG_NOSIGNAL);
    ::close(peer);
  });
  CHECK_THROWS_AS((void)ControlClient(path).status(), TransportError);
  rude.join();
  ::close(other);
}

TEST_CASE("commands come back as they were answered") {
  const test::TemporaryDirectory temporary;
  const auto path = temporary.file("control.sock");
  FakeNode node;
  const Api server({path, {}}, node, node);
  ControlClient client(path);
  const auto refused = client.command("/promote?force=0&dry_run=0");
  REQUIRE(refused.has_value());
  CHECK(*refused == node.promote(false, false));
  CHECK(client.command("/promote?force=1&dry_run=1")->outcome == CommandResult::Outcome::would_do);
  CHECK(client.command("/promote?force=1")->outcome == CommandResult::Outcome::done);
  CHECK(client.command("/switchover?to=db2")->text == "db2");
  CHECK_THROWS_AS((void)client.command("/no-such-command"), TransportError);
  CHECK(get(path, "/promote?force=1").find("405") != std::string::npos);
}

TEST_CASE("metrics count the connections of each listener, and why some were dropped") {
  const test::TemporaryDirectory temporary;
  const auto path = temporary.file("control.sock");
  FakeNode node;
  const Api server({path, {}}, node, node);
  CHECK(answers(send_raw(path, "nonsense\r\n\r\n", false), 400));
  CHECK(
      answers(send_raw(path, "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", false), 431));
  CHECK(answers(get(path, "/no-such-path"), 404));  // a whole request
  CHECK(send_raw(path, "GET /sta", true).empty());
  const auto text = get(path, "/metrics");
  const auto has = [&](const std::string& name, const std::string& labels, int value) {
    const auto line = "," + labels + "} " + std::to_string(value) + "\n";
    const auto at = text.find(line);
    return at != std::string::npos && text.rfind("\n" + name + "{", at) > text.rfind('\n', at) - 1;
  };
  CHECK(has("understudy_http_connections_total", R"(listener="control")", 5));
  CHECK(has("understudy_http_dropped_total", R"(listener="control",reason="bad_request")", 2));
  CHECK(has("understudy_http_dropped_total", R"(listener="control",reason="left")", 1));
  CHECK(has("understudy_http_dropped_total", R"(listener="control",reason="too_slow")", 0));
  CHECK(text.find(R"(listener="port")") == std::string::npos);  // there is none
}

TEST_CASE("one command at a time") {
  const test::TemporaryDirectory temporary;
  const auto path = temporary.file("control.sock");
  FakeNode node;
  node.is_fencing = true;
  const Api server({path, {}}, node, node);
  std::thread first([&] {
    for (bool done = false; !done;) {  // the other one may be first, for an instant
      try {
        done = ControlClient(path).command("/fence").has_value();
      } catch (const TransportError&) {
      }
    }
  });
  for (bool busy = false; !busy;) {
    try {
      (void)ControlClient(path).command("/unfence");
    } catch (const TransportError& error) {
      busy = std::string(error.what()).find("another command") != std::string::npos;
    }
  }
  node.is_fencing = false;
  first.join();
  CHECK(ControlClient(path).command("/unfence")->outcome == CommandResult::Outcome::done);
}
