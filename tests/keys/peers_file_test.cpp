// The peers file: what is read, and what is refused, with the place of it.
#include "common/keys/peers_file.h"

#include "common/core/errors.h"
#include "common/keys/key_file.h"
#include "common/keys/key_files.h"
#include "common/transport/key_pair.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

using namespace understudy;

namespace {

const KeyPair& own() {
  static const auto keys = make_key_pair();
  return keys;
}

std::string some_key() {
  return make_key_pair().public_key;
}

std::string entry(const std::string& name, const std::string& key, const std::string& rest) {
  return fmt::format("[[peer]]\nname = \"{}\"\nkey = \"{}\"\n{}\n", name, key, rest);
}

// What is wrong with it; empty: nothing.
std::string refusal(const std::string& text) {
  try {
    static_cast<void>(parse_peers(text, "peers.toml", own()));
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

bool says(const std::string& text, const std::string& place, const std::string& what) {
  const auto said = refusal(text);
  CAPTURE(said);
  const bool right = said.starts_with("peers.toml:" + place) && said.find(what) != said.npos;
  CHECK(right);
  return right;
}

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "keys-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(file(name)) << text;
    ::chmod(file(name).c_str(), mode);
    return file(name);
  }
};

template <typename F>
std::string error_of(F&& f) {
  try {
    f();
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a whole file is read; the own entry may be among the others") {
  const auto a = some_key(), b = some_key();
  const auto list = parse_peers(
      "# the cluster\n" +
          entry("a", a, "may = [\"follow\", \"feed\", \"command\"]\nendpoint = \"tcp://a:7600\"") +
          entry("b", b, "may = [\"follow\"]") +
          entry("me", own().public_key, "may = [\"command\"]\nendpoint = \"tcp://[::1]:99\""),
      "peers.toml", own());
  REQUIRE(list.all().size() == 3);
  CHECK(*list.of_key(a) ==
        KnownPeer{"a", a, {Right::follow, Right::feed, Right::command}, "tcp://a:7600"});
  CHECK(*list.of_key(b) == KnownPeer{"b", b, {Right::follow}, ""});
  CHECK(list.at("tcp://[::1]:99")->name == "me");
  CHECK(list.of_key(some_key()) == nullptr);
}

TEST_CASE("what is wrong is named with its place") {
  const auto good = entry("a", some_key(), "may = [\"follow\"]");
  CHECK(refusal(good).empty());
  says("", " ", "no [[peer]]");
  says("name = \n", "1:", "");
  says("[peer]\nname = \"a\"\n", "1:", "[[peer]]");
  says("peer = [1, 2]\n", "1:", "[[peer]]");
  says(good + "[other]\n", "5:", "no 'other'");
  says(good + "[[peer]]\nnmae = \"b\"\n", "6:1", "no 'nmae'");
  says(good + "[[peer]]\nkey = \"" + some_key() + "\"\nmay = [\"follow\"]\n", "5:", "no name");
  says("[[peer]]\nname = \"a\"\nmay = [\"follow\"]\n", "1:", "a has no key");
  says(entry("a", some_key(), ""), "1:", "no rights");
  says(entry("a", some_key(), "may = []"), "4:", "nothing");
  says(entry("a", some_key(), "may = \"follow\""), "4:", "a list");
  says(entry("a", some_key(), "may = [\"follow\", \"lead\"]"), "4:", "no right 'lead'");
  says(entry("a", some_key(), "may = [\"follow\", 3]"), "4:", "in quotes");
  says(entry("a", some_key(), "may = [\"feed\", \"feed\"]"), "4:", "twice");
  says(entry("a", some_key(), "may = [\"feed\"]"), "1:", "no endpoint");
  says(entry("a b", some_key(), "may = [\"follow\"]"), "2:8", "no node's name");
  says(entry("a", "short", "may = [\"follow\"]"), "3:7", "no public key");
  says(entry("a", std::string(40, '~'), "may = [\"follow\"]"), "3:7", "no public key");
  says(entry("a", own().secret_key, "may = [\"follow\"]"), "3:7", "SECRET");
  const auto endpoint = [](const std::string& text) {
    return entry("a", some_key(), "may = [\"follow\"]\nendpoint = \"" + text + "\"");
  };
  CHECK(refusal(endpoint("tcp://db1:7600")).empty());
  for (const auto* text : {"", "db1:7600", "tcp://db1", "tcp://db1:0", "tcp://*:7600",
                           "udp://db1:7600", "tcp://db1:65535", "tcp://db1:x"}) {
    CAPTURE(text);
    CHECK(says(endpoint(text), "5:12", ""));
  }
}

TEST_CASE("names, keys and endpoints are distinct, and the first one is named") {
  const auto key = some_key();
  const auto with = [](const std::string& endpoint) {
    return "may = [\"follow\"]\nendpoint = \"" + endpoint + "\"";
  };
  says(entry("a", key, with("tcp://a:1")) + entry("a", some_key(), with("tcp://b:1")), "7:8",
       "line 2 already");
  says(entry("a", key, with("tcp://a:1")) + entry("b", key, with("tcp://b:1")), "8:7",
       "line 3 already");
  says(entry("a", key, with("tcp://a:1")) + entry("b", some_key(), with("tcp://a:1")), "10:12",
       "line 5 already");
  says(entry("me", own().public_key, with("tcp://a:1")) +
           entry("me2", own().public_key, with("tcp://b:1")),
       "8:7", "already");
}

TEST_CASE("any damage is read, or refused in words") {
  const auto good =
      entry("a", some_key(), "may = [\"follow\", \"feed\"]\nendpoint = \"tcp://a:7600\"") +
      entry("b", some_key(), "may = [\"command\"]");
  for (std::size_t cut = 0; cut <= good.size(); ++cut) {
    static_cast<void>(refusal(good.substr(0, cut)));
  }
  std::mt19937 random(11);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto text = good;
    for (int n = 0; n < 1 + i % 3; ++n) {
      text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    const auto said = refusal(text);
    refused += said.empty() ? 0 : 1;
    if (!said.empty()) REQUIRE(said.starts_with("peers.toml:"));
  }
  MESSAGE("understudy-count: damaged_peers_files=20000");
  CHECK(refused > 10'000);
}

TEST_CASE("key files: made for the owner alone, never overwritten, read back") {
  const Folder folder;
  const auto path = folder.file("node.key");
  const auto keys = make_key_pair();
  write_key_file(path, keys, "db1");
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  CHECK(read_key_file(path).public_key == keys.public_key);
  CHECK(read_key_file(path).secret_key == keys.secret_key);
  CHECK(error_of([&] { write_key_file(path, make_key_pair(), ""); }).find("already") !=
        std::string::npos);
  CHECK(read_key_file(path).secret_key == keys.secret_key);
}

TEST_CASE("key files that others can read or write are refused, mode by mode") {
  const Folder folder;
  const auto path = folder.file("node.key");
  write_key_file(path, make_key_pair(), "");
  for (mode_t mode = 0; mode <= 0777; ++mode) {
    REQUIRE(::chmod(path.c_str(), 0400 | mode) == 0);
    const auto said = error_of([&] { static_cast<void>(read_key_file(path)); });
    CAPTURE(mode);
    CHECK(said.empty() == ((mode & 0077) == 0));
    if (!said.empty()) CHECK(said.find("chmod 600") != std::string::npos);
  }
  const auto peers = folder.write("peers.toml", entry("a", some_key(), "may = [\"follow\"]"), 0644);
  for (mode_t mode = 0; mode <= 0777; ++mode) {
    REQUIRE(::chmod(peers.c_str(), 0400 | mode) == 0);
    const auto said = error_of([&] { static_cast<void>(read_peers_file(peers, own())); });
    CAPTURE(mode);
    CHECK(said.empty() == ((mode & 0022) == 0));
  }
}

TEST_CASE("key files of the wrong kind are told apart") {
  const Folder folder;
  const auto keys = make_key_pair();
  const auto said = [&](const std::string& text) {
    const auto path = folder.write("some.key", text, 0600);
    return error_of([&] { static_cast<void>(read_key_file(path)); });
  };
  const auto line = [](const std::string& name, const std::string& key) {
    return name + " = \"" + key + "\"\n";
  };
  CHECK(said(line("secret-key", keys.secret_key)).empty());
  CHECK(said(line("public-key", keys.public_key)).find("a public key only") != std::string::npos);
  CHECK(said("").find("no secret-key") != std::string::npos);
  CHECK(said(line("secret-key", keys.secret_key) + line("public-key", some_key()))
            .find("does not belong") != std::string::npos);
  CHECK(said(line("secret-key", keys.public_key) + line("public-key", keys.public_key))
            .find("are the same") != std::string::npos);
  CHECK(said(line("secret-key", "abc")).find(":1:") != std::string::npos);
  CHECK(said("secret-key = 7\n").find("in quotes") != std::string::npos);
  CHECK(said(line("secret_key", keys.secret_key)).find("no 'secret_key'") != std::string::npos);
  CHECK(said(keys.secret_key + "\n").find(":1:") != std::string::npos);
  CHECK(error_of([&] {
          static_cast<void>(read_key_file(folder.file("none")));
        }).find("no such file") != std::string::npos);
  CHECK(error_of([&] {
          static_cast<void>(read_key_file(folder.path.string()));
        }).find("not a plain file") != std::string::npos);
}

TEST_CASE("a list that is read again replaces the old one, or nothing") {
  const Folder folder;
  const auto key_path = folder.file("node.key");
  write_key_file(key_path, own(), "me");
  const auto a = some_key(), b = some_key();
  const auto peers = folder.write("peers.toml", entry("a", a, "may = [\"follow\"]"), 0600);
  const KeyFiles files{key_path, peers};
  const auto security = load_security(files);
  CHECK_FALSE(security->judge(a, Right::follow));

  folder.write("peers.toml", entry("b", b, "may = [\"follow\"]"), 0600);
  CHECK(reload_peers(files, *security));
  CHECK(security->judge(a, Right::follow) == Denial::key_withdrawn);
  CHECK_FALSE(security->judge(b, Right::follow));

  for (const auto* text : {"", "[[peer]]\nname = 1\n", "not toml at all ]["}) {
    folder.write("peers.toml", text, 0600);
    CHECK_FALSE(reload_peers(files, *security));
    CHECK_FALSE(security->judge(b, Right::follow));
  }
  folder.write("peers.toml", entry("a", a, "may = [\"follow\"]"), 0666);
  CHECK_FALSE(reload_peers(files, *security));
  std::filesystem::remove(peers);
  CHECK_FALSE(reload_peers(files, *security));
  CHECK_FALSE(security->judge(b, Right::follow));
}

TEST_CASE("what a node could not do with its files shows at the start") {
  const auto a = some_key(), b = some_key();
  const Security security(
      own(), parse_peers(entry("a", a, "may = [\"feed\"]\nendpoint = \"tcp://a:1\"") +
                             entry("b", b, "may = [\"follow\"]\nendpoint = \"tcp://b:1\"") +
                             entry("me", own().public_key, "may = [\"follow\"]"),
                         "peers.toml", own()));
  const auto at = [](const char* text) { return Endpoint::parse(text); };
  const auto said = [&](const std::string& node, std::vector<Endpoint> from,
                        std::vector<Endpoint> peers) {
    return error_of([&] { check_security(security, node, from, peers); });
  };
  CHECK(said("me", {at("tcp://a:1")}, {at("tcp://a:1"), at("tcp://b:1")}).empty());
  CHECK(said("you", {}, {}).find("--node me") != std::string::npos);
  CHECK(said("me", {at("tcp://b:1")}, {}).find("may not feed") != std::string::npos);
  CHECK(said("me", {at("tcp://c:1")}, {}).find("no entry") != std::string::npos);
  CHECK(said("me", {}, {at("tcp://c:1")}).find("no entry") != std::string::npos);
  CHECK(feeders_among(security, {at("tcp://a:1"), at("tcp://b:1")}) ==
        std::vector<Endpoint>{at("tcp://a:1")});
}
