// Keys over real sockets: who gets in, who does not, what each side is told, and what a list that
// was replaced changes for those who are connected.
#include "tests/transport/parties.h"

using namespace understudy;

namespace {

const Rights kAll = {Right::follow, Right::feed, Right::command};

// A server that knows itself and these.
struct Stage {
  Party server_party{"server"}, friend_party{"friend"};
  TestServer server;

  explicit Stage(std::vector<KnownPeer> others = {})
      : server(server_party.with(with_friend(std::move(others)))) {}
  std::vector<KnownPeer> with_friend(std::vector<KnownPeer> others) const {
    others.push_back(friend_party.known({Right::follow}));
    return others;
  }
  // The Security of somebody who knows the server as it is.
  std::shared_ptr<Security> knowing(const Party& party, Rights server_may = kAll) const {
    return party.with({server_party.known(server_may, server.endpoint())});
  }
  std::shared_ptr<Security> honest() const { return knowing(friend_party); }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("who has a key on the list gets the stream, and its requests bear the key") {
  Stage stage;
  TestClient client(stage.honest(), stage.server);
  std::optional<ServerSockets::Request> request;
  const Bytes question(5, std::byte{1});
  wait_until(stage.server, {&client}, [&] {
    static_cast<void>(client.sockets.send(question));
    request = stage.server.turn();
    return client.live > 0 && request;
  });
  CHECK(request->key == stage.friend_party.keys.public_key);
  CHECK(request->payload == question);
  CHECK(client.trouble.empty());
}

TEST_CASE("without a key, with an unknown one, and for another server nobody gets in") {
  Stage stage;
  const Party stranger{"stranger"}, other{"other"};
  TestClient plain(nullptr, stage.server);
  TestClient unknown(stage.knowing(stranger), stage.server);
  TestClient mistaken(stage.friend_party.with({other.known(kAll, stage.server.endpoint())}),
                      stage.server);
  std::vector<TestClient*> wrong = {&plain, &unknown, &mistaken};
  wait_until(stage.server, wrong, [&] {
    for (auto* client : wrong) static_cast<void>(client->sockets.send(Bytes(3)));
    const auto request = stage.server.turn();
    REQUIRE_FALSE(request);
    return has(plain.trouble, "it demands keys") && !unknown.trouble.empty() &&
           !mistaken.trouble.empty() && stage.server.denied(Denial::wrong_server_key) > 0 &&
           stage.server.denied(Denial::unknown_key) > 0;
  });
  CHECK(has(unknown.trouble, "refuses this node's key " + stranger.keys.public_key));
  CHECK(has(mistaken.trouble, "it ends the handshake"));
  let_pass(stage.server, wrong, stage.honest());
  for (const auto* client : wrong) CHECK(client->live == 0);
}

TEST_CASE("a node with keys does not talk to a server without") {
  TestServer plain(nullptr);
  const Party me{"me"}, server{"server"};
  TestClient client(me.with({server.known(kAll, plain.endpoint())}), plain);
  wait_until(plain, {&client}, [&] { return has(client.trouble, "has no keys"); });
  CHECK(client.live == 0);
}

TEST_CASE("records are taken from those only that may feed") {
  Stage stage;
  TestClient client(stage.knowing(stage.friend_party, {Right::follow, Right::command}),
                    stage.server);
  let_pass(stage.server, {&client}, stage.honest());
  CHECK(client.live == 0);
  CHECK(has(client.trouble, "may feed"));
}

TEST_CASE("who may not follow is let in for requests, and kept out of the stream") {
  const Party commander{"commander"};
  Stage stage({commander.known({Right::feed, Right::command})});
  TestClient client(stage.knowing(commander), stage.server);
  bool was_heard = false;
  wait_until(stage.server, {&client}, [&] {
    static_cast<void>(client.sockets.send(Bytes(3)));
    if (const auto request = stage.server.turn()) {
      CHECK(request->key == commander.keys.public_key);
      was_heard = true;
    }
    return was_heard && stage.server.denied(Denial::no_live) > 0 && !client.trouble.empty();
  });
  let_pass(stage.server, {&client}, stage.honest());
  CHECK(client.live == 0);
}

TEST_CASE("a key that is put on the list later is let in without a restart of either side") {
  Stage stage;
  const Party late{"late"};
  TestClient client(stage.knowing(late), stage.server);
  wait_until(stage.server, {&client}, [&] { return !client.trouble.empty(); });
  stage.server.security->replace(PeerList(stage.with_friend({late.known({Right::follow})})));
  wait_until(stage.server, {&client}, [&] { return client.live > 0; });
}

TEST_CASE("a key that is taken off the list loses the stream that it had; the others keep theirs") {
  const Party leaver{"leaver"};
  Stage stage({leaver.known({Right::follow})});
  TestClient leaving(stage.knowing(leaver), stage.server), staying(stage.honest(), stage.server);
  wait_until(stage.server, {&leaving, &staying},
             [&] { return leaving.live > 0 && staying.live > 0; });
  const auto change = stage.server.security->replace(PeerList(stage.with_friend({})));
  REQUIRE(change.takes_away);
  stage.server.sockets.reopen_live();
  // What was under way is over once it hears that it is refused.
  leaving.trouble.clear();
  wait_until(stage.server, {&leaving, &staying}, [&] { return !leaving.trouble.empty(); });
  CHECK(has(leaving.trouble, "refuses this node's key"));
  const int had = leaving.live;
  const int staying_had = staying.live;
  wait_until(stage.server, {&leaving, &staying}, [&] { return staying.live >= staying_had + 10; });
  CHECK(leaving.live == had);
}

TEST_CASE("a client whose list names another key for the server goes by that one from then on") {
  Stage stage;
  const Party other{"other"};
  const auto security = stage.friend_party.with({other.known(kAll, stage.server.endpoint())});
  TestClient client(security, stage.server);
  wait_until(stage.server, {&client}, [&] { return !client.trouble.empty(); });
  security->replace(PeerList({stage.server_party.known(kAll, stage.server.endpoint())}));
  wait_until(stage.server, {&client}, [&] { return client.live > 0; });
  security->replace(PeerList({stage.server_party.known({Right::follow}, stage.server.endpoint())}));
  client.turn();
  const int had = client.live;
  let_pass(stage.server, {&client}, stage.honest());
  CHECK(client.live <= had + 10);  // at most what had arrived by then
}
