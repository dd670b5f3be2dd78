// One connection over a real socket pair with a clock of the test's: each phase ends when it must,
// however the bytes come and go.
#include "common/http/connection.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

using namespace understudy::http;

namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// The client's end of a connection whose server's end is under test.
class Pair {
 public:
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    client_ = ends[0];
    connection.emplace(7, make_plain_stream(ends[1]), 0);
  }
  ~Pair() { leave(); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void say(std::string_view text, std::int64_t now_us = 0) {
    REQUIRE(::send(client_, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    connection->on_ready(now_us);
  }
  void leave() {
    if (client_ >= 0) ::close(client_);
    client_ = -1;
  }
  std::string hear() {
    std::string all;
    std::array<char, 65536> buffer{};
    for (ssize_t count = 0; (count = ::recv(client_, buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

  std::optional<Connection> connection;

 private:
  int client_ = -1;
};

}  // namespace

TEST_CASE("a head is whole at its empty line, wherever the bytes are cut") {
  for (std::size_t cut = 1; cut < kRequest.size(); ++cut) {
    Pair pair;
    pair.say(kRequest.substr(0, cut));
    CHECK(pair.connection->take_head().empty());
    pair.say(kRequest.substr(cut));
    CHECK(pair.connection->take_head() == kRequest);
    CHECK(pair.connection->take_head().empty());
  }
}

TEST_CASE("what follows a head is no part of it, and is read away after the answer") {
  Pair pair;
  pair.say(std::string(kRequest) + "body");
  CHECK(pair.connection->take_head() == kRequest);
  pair.connection->answer("answer", false, 0);
  CHECK(pair.hear() == "answer");
  CHECK(pair.connection->phase() == Connection::Phase::draining);
  pair.say(std::string(1000, 'x'));
  CHECK_FALSE(pair.connection->is_over());
  for (int i = 0; i < 70 && !pair.connection->is_over(); ++i) {
    if (i < 64) pair.say(std::string(1024, 'x'));
  }
  CHECK(pair.connection->is_over());
}

TEST_CASE("a head that drips has no more time than one that does not come at all") {
  Pair pair;
  for (std::int64_t second = 1; second < 5; ++second) {
    pair.say("G", second * 1'000'000);
    pair.connection->tick(second * 1'000'000);
    CHECK_FALSE(pair.connection->is_over());
  }
  CHECK(pair.connection->deadline_us() == Connection::kHead_us);
  pair.connection->tick(Connection::kHead_us);
  CHECK(pair.connection->is_over());
  CHECK(pair.connection->dropped() == Drop::too_slow);
}

TEST_CASE("a head that is too long is handed over unfinished, and no more of it is read") {
  Pair pair;
  pair.say(std::string(Connection::kHeadLimit + 5000, 'a'));
  const auto head = pair.connection->take_head();
  CHECK(head.size() >= Connection::kHeadLimit);
  CHECK(head.size() <= Connection::kHeadLimit + 2048);
  CHECK_FALSE(head.ends_with("\r\n\r\n"));
}

TEST_CASE("who leaves before the head is whole is forgotten") {
  Pair pair;
  pair.say("GET");
  pair.leave();
  pair.connection->on_ready(0);
  CHECK(pair.connection->is_over());
  CHECK(pair.connection->dropped() == Drop::left);
}

TEST_CASE("who was answered was not dropped, however long it stays") {
  Pair pair;
  pair.say(kRequest);
  pair.connection->answer("answer", false, 0);
  pair.connection->tick(Connection::kDraining_us);
  CHECK(pair.connection->is_over());
  CHECK_FALSE(pair.connection->dropped());
}

TEST_CASE("who waits for an answer has all the time that it takes; who does not take it has not") {
  Pair pair;
  pair.say(kRequest);
  CHECK(pair.connection->wanted() == 0);
  CHECK(pair.connection->deadline_us() == Connection::kNever);
  pair.connection->answer(std::string(8'000'000, 'z'), false, 1000);
  CHECK(pair.connection->phase() == Connection::Phase::writing);
  CHECK((pair.connection->wanted() & POLLOUT) != 0);
  pair.connection->tick(1000 + Connection::kWriting_us - 1);
  CHECK_FALSE(pair.connection->is_over());
  pair.connection->tick(1000 + Connection::kWriting_us);
  CHECK(pair.connection->is_over());
  CHECK(pair.connection->dropped() == Drop::not_taken);
}

TEST_CASE("a large answer goes out as it is taken") {
  Pair pair;
  pair.say(kRequest);
  std::string answer(3'000'000, 'z');
  answer += "end";
  pair.connection->answer(answer, false, 0);
  std::string heard;
  for (int i = 0; i < 10'000 && heard.size() < answer.size(); ++i) {
    heard += pair.hear();
    pair.connection->on_ready(0);
  }
  CHECK(heard == answer);
  CHECK(pair.connection->phase() == Connection::Phase::draining);
}

TEST_CASE("a reader of events gets them in order for as long as it takes them") {
  Pair pair;
  pair.say(kRequest);
  pair.connection->answer("head ", true, 0);
  CHECK(pair.connection->stays_open());
  pair.connection->send("one ", 0);
  pair.connection->send("two", 0);
  CHECK(pair.hear() == "head one two");
  CHECK(pair.connection->deadline_us() == Connection::kNever);
  pair.leave();
  pair.connection->on_ready(0);
  CHECK(pair.connection->is_over());
}

TEST_CASE("a reader that takes nothing is let go when too much waits for it") {
  Pair pair;
  pair.say(kRequest);
  pair.connection->answer("head", true, 0);
  const std::string event(50'000, 'e');
  std::size_t sent = 0;
  while (!pair.connection->is_over() && sent < 100'000'000) {
    pair.connection->send(event, 0);
    sent += event.size();
  }
  CHECK(pair.connection->is_over());
  CHECK(sent < 8 * Connection::kBacklogLimit);
  CHECK(pair.connection->dropped() == Drop::not_taken);
}

TEST_CASE("events are for nobody who did not ask for them") {
  Pair pair;
  pair.connection->send("event", 0);
  pair.say(kRequest);
  pair.connection->send("event", 0);
  CHECK(pair.hear().empty());
}
