// Who may do what: every combination of rights, ports, requests and names, against a table written
// down independently of the code.
#include "common/security/security.h"

#include <doctest/doctest.h>

using namespace understudy;

namespace {

const std::string kOwn(40, '0');

std::string key(char letter) {
  return std::string(40, letter);
}

Rights rights_of(unsigned bits) {
  Rights rights;
  if ((bits & 1) != 0) rights.add(Right::follow);
  if ((bits & 2) != 0) rights.add(Right::feed);
  if ((bits & 4) != 0) rights.add(Right::command);
  return rights;
}

// Peers "1" … "7", each with the rights whose bits its name has.
Security with_all_rights() {
  std::vector<KnownPeer> peers;
  for (unsigned bits = 1; bits < 8; ++bits) {
    const char letter = static_cast<char>('0' + bits);
    peers.push_back({std::string(1, letter), key(letter), rights_of(bits),
                     "tcp://10.0.0." + std::string(1, letter) + ":7600"});
  }
  return {KeyPair{kOwn, key('z')}, PeerList(std::move(peers))};
}

}  // namespace

TEST_CASE("each set of rights opens what it names, and nothing else") {
  const auto security = with_all_rights();
  for (unsigned bits = 1; bits < 8; ++bits) {
    CAPTURE(bits);
    const auto shown = key(static_cast<char>('0' + bits));
    const auto name = std::string(1, static_cast<char>('0' + bits));
    const bool follows = (bits & 1) != 0, feeds = (bits & 2) != 0, commands = (bits & 4) != 0;
    CHECK_FALSE(security.judge_handshake(shown, Port::requests));
    CHECK((security.judge_handshake(shown, Port::live) == Denial::no_live) == !follows);
    CHECK((security.judge(shown, Right::follow) == Denial::may_not_follow) == !follows);
    CHECK((security.judge(shown, Right::command) == Denial::may_not_command) == !commands);
    CHECK_FALSE(security.judge_name(shown, name));
    CHECK(security.judge_name(shown, "other") == Denial::other_name);
    CHECK(security.is_heard(shown, name) == feeds);
    CHECK_FALSE(security.is_heard(shown, "other"));
    const auto endpoint = "tcp://10.0.0." + name + ":7600";
    CHECK(security.key_at(endpoint, false) == shown);
    CHECK(security.key_at(endpoint, true).has_value() == feeds);
    CHECK(security.is_heard_at(endpoint, name) == feeds);
    CHECK_FALSE(security.is_heard_at(endpoint, "other"));
  }
}

TEST_CASE("an unknown key opens nothing, nor does none at all") {
  const auto security = with_all_rights();
  for (const auto& shown : {key('9'), std::string()}) {
    CHECK(security.judge_handshake(shown, Port::live) == Denial::unknown_key);
    CHECK(security.judge_handshake(shown, Port::requests) == Denial::unknown_key);
    for (const auto right : kRights) {
      CHECK(security.judge(shown, right) == Denial::key_withdrawn);
    }
    CHECK(security.judge_name(shown, "1") == Denial::key_withdrawn);
    CHECK_FALSE(security.is_heard(shown, "1"));
    CHECK(security.name_of(shown) == shown);
  }
  CHECK_FALSE(security.key_at("tcp://10.0.0.9:7600", false));
  CHECK_FALSE(security.key_at("", false));
}

TEST_CASE("the own key asks itself, and does no more") {
  const auto security = with_all_rights();
  CHECK_FALSE(security.judge_handshake(kOwn, Port::requests));
  CHECK(security.judge_handshake(kOwn, Port::live) == Denial::unknown_key);
  CHECK_FALSE(security.judge_name(kOwn, "whatever"));
  CHECK(security.judge(kOwn, Right::follow) == Denial::key_withdrawn);
  CHECK(security.judge(kOwn, Right::command) == Denial::key_withdrawn);
}

TEST_CASE("without keys all may do all") {
  const Security open;
  CHECK(open.is_open());
  for (const auto right : kRights) CHECK_FALSE(open.judge("", right));
  CHECK_FALSE(open.judge_name("", "anybody"));
  CHECK(open.is_heard("", "anybody"));
  CHECK(open.is_heard_at("tcp://nowhere:1", "anybody"));
}

TEST_CASE("the list as it is now decides, and what takes a right away is told from what does not") {
  auto security = with_all_rights();
  const auto all = security.peers()->all();
  const auto replace = [&](std::vector<KnownPeer> peers) {
    const auto before = security.withdrawals();
    const auto change = security.replace(PeerList(std::move(peers)));
    CHECK((security.withdrawals() != before) == change.takes_away);
    return change;
  };
  CHECK_FALSE(replace(all).takes_away);

  auto more = all;
  more.push_back({"new", key('n'), {Right::follow}, ""});
  more[0].may.add(Right::command);
  const auto added = replace(more);
  CHECK_FALSE(added.takes_away);
  CHECK(added.added == std::vector<std::string>{"new"});
  CHECK(added.changed == std::vector<std::string>{"1"});
  CHECK_FALSE(security.judge(key('n'), Right::follow));

  CHECK(replace(all).removed == std::vector<std::string>{"new"});
  CHECK(security.judge(key('n'), Right::follow) == Denial::key_withdrawn);

  auto less = all;
  less[6].may = {Right::follow};
  CHECK(replace(less).takes_away);
  CHECK(security.judge(key('7'), Right::command) == Denial::may_not_command);

  CHECK_FALSE(replace(all).takes_away);
  auto other_key = all;
  other_key[0].key = key('k');
  CHECK(replace(other_key).takes_away);
  CHECK(security.judge(key('1'), Right::follow) == Denial::key_withdrawn);
  CHECK_FALSE(security.judge(key('k'), Right::follow));

  auto other_name = other_key;
  other_name[0].name = "renamed";
  CHECK(replace(other_name).takes_away);
}

TEST_CASE("a key's text is told from what is none") {
  CHECK(is_key_text(key('0')));
  CHECK(is_key_text("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"));
  CHECK_FALSE(is_key_text(""));
  CHECK_FALSE(is_key_text(std::string(39, '0')));
  CHECK_FALSE(is_key_text(std::string(41, '0')));
  CHECK_FALSE(is_key_text(std::string(40, '#')));  // each group is beyond 32 bits
  for (int c = 0; c < 256; ++c) {
    auto text = key('0');
    text[39] = static_cast<char>(c);
    const bool is_z85 = std::string_view(
                            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            ".-:+=^!/*?&<>()[]{}@%$#")
                            .find(static_cast<char>(c)) != std::string_view::npos;
    CHECK(is_key_text(text) == is_z85);
  }
}

TEST_CASE("denials are counted by kind, whatever the log shows of them") {
  Denials denials;
  for (int i = 0; i < 1000; ++i) {
    denials.note(Denial::unknown_key, "10.0.0." + std::to_string(i), "a test");
  }
  denials.note(Denial::too_slow, "10.0.0.1", "a test");
  const auto counts = denials.counts();
  CHECK(counts[static_cast<std::size_t>(Denial::unknown_key)] == 1000);
  CHECK(counts[static_cast<std::size_t>(Denial::too_slow)] == 1);
  CHECK(counts[static_cast<std::size_t>(Denial::garbage)] == 0);
  for (std::size_t i = 0; i < kDenialKinds; ++i) {
    CHECK_FALSE(to_string(static_cast<Denial>(i)).empty());
  }
}
