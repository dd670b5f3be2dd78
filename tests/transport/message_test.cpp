// Every message survives its codec; every cut, flip or lie is refused without harm.
#include "common/transport/message.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

using namespace understudy;

namespace {

StreamId stream_of(std::uint8_t fill) {
  StreamId id;
  id.bytes.fill(fill);
  return id;
}

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

message::Pages some_pages() {
  message::Pages m{9, true, {1, 77, 5}, 512, 40, 1, 16, {2, 7}, {}};
  m.contents.resize(1024, std::byte{0x5a});
  return m;
}

History some_history() {
  return {{1, "alpha", 77, 1, 5, -3, "created"},
          {2, "beta", 1ull << 63, 1ull << 40, ~0ull, 1'700'000'000'000'000, "promote"}};
}

PeerReport some_report() {
  return {"beta",      stream_of(3),
          ~0ull,       PeerRole::standby,
          "streaming", 2,
          1ull << 63,  {2, 9, 8},
          7,           "alpha",
          true,        6,
          5,           4};
}

// One of each kind, with values that need every width.
std::vector<Message> one_of_each() {
  const Position position{3, 1ull << 40, 0xffffffffffffffffull};
  return {
      message::Hello{1, "standby-1", stream_of(7), position, some_history()},
      message::Hello{1, "", StreamId{}, std::nullopt, {}},
      message::Fetch{1, {900, 3}, 8 << 20},
      message::Credit{1, 4096},
      message::Ack{5, 4, 3, StandbyState::streaming},
      message::OutlineRequest{},
      message::PagesRequest{8, 17, 3, {1, 2, 0xfedcba9876543210ull}},
      message::PagesRequest{8, 17, 3, {}},
      message::Ping{},
      message::Probe{1ull << 50, some_report()},
      message::Probe{},
      message::Command{3, CommandKind::take_over, "gamma", {2, 9, 8}, 1ull << 60, true},
      message::Command{},
      message::Welcome{1,
                       "primary",
                       stream_of(1),
                       ~0ull,
                       Verdict::forked,
                       {1, 2, 3},
                       {4, 5, 6},
                       {6, 0},
                       some_history(),
                       true},
      message::Batches{2, {bytes_of({1, 2, 3}), bytes_of({}), bytes_of({255})}},
      message::FetchEnd{2, {10, 11}},
      message::Outline{true, {1, 2, 3}, 4096, 100},
      message::Outline{},
      some_pages(),
      message::Pages{10, false, {}, 0, 0, 0, 0, {}, {}},
      message::Pong{{1, 2, 3}},
      message::Refused{RefusalCode::trimmed, "the log begins at 5"},
      message::ProbeReply{2, some_report()},
      message::CommandReply{3, true, "beta leads"},
      message::LiveBatch{bytes_of({0, 1, 2, 3, 4})},
      message::Heartbeat{stream_of(2), 99, {1, 2, 3}, {3, 0}, -5},
  };
}

}  // namespace

TEST_CASE("each message comes out of the codec as it went in") {
  for (const auto& message : one_of_each()) {
    const auto bytes = encode_message(message);
    const auto decoded = decode_message(bytes);
    REQUIRE(decoded);
    CHECK(decoded->index() == message.index());
    // Equal bytes: nothing was lost or changed on the way in.
    CHECK(encode_message(*decoded) == bytes);
  }
}

TEST_CASE("fields come out in their places") {
  const auto decoded = decode_message(encode_message(some_pages()));
  const auto& pages = std::get<message::Pages>(decoded.value());
  CHECK(pages.request_id == 9);
  CHECK(pages.as_of == Position{1, 77, 5});
  CHECK(pages.page_size == 512);
  CHECK(pages.page_count == 40);
  CHECK(pages.pages == std::vector<PageNo>{2, 7});
  CHECK(pages.contents.size() == 1024);
}

TEST_CASE("golden bytes: Ping, Credit and a refusal keep their layout") {
  CHECK(encode_message(message::Ping{}) == bytes_of({0x92, 2, 7}));
  CHECK(encode_message(message::Credit{5, 300}) == bytes_of({0x94, 2, 3, 5, 0xcd, 1, 44}));
  CHECK(encode_message(message::Refused{RefusalCode::other_protocol, "no"}) ==
        bytes_of({0x94, 2, 26, 1, 0xa2, 'n', 'o'}));
}

TEST_CASE("a message cut at any byte, or with a byte more, is none") {
  for (const auto& message : one_of_each()) {
    auto bytes = encode_message(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(decode_message(ByteView(bytes).first(size)));
    }
    bytes.push_back(std::byte{0xc0});
    CHECK_FALSE(decode_message(bytes));
  }
}

TEST_CASE("flipping any bit does no harm: what still decodes encodes and decodes again") {
  std::size_t survivors = 0;
  for (const auto& message : one_of_each()) {
    const auto original = encode_message(message);
    for (std::size_t bit = 0; bit < original.size() * 8; ++bit) {
      auto bytes = original;
      bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      const auto decoded = decode_message(bytes);
      if (!decoded || std::holds_alternative<message::OtherVersion>(*decoded)) continue;
      ++survivors;
      CHECK(decode_message(encode_message(*decoded)));
    }
  }
  CHECK(survivors > 0);
}

TEST_CASE("random bytes never decode to more than they hold") {
  std::mt19937_64 random(42);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes(random() % 64);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() > 2 && round % 2 == 0) {
      bytes[0] = static_cast<std::byte>(0x90 | (random() % 16));
      bytes[1] = std::byte{kProtocolVersion};
      bytes[2] = static_cast<std::byte>(random() % 48);
    }
    static_cast<void>(decode_message(bytes));
  }
}

TEST_CASE("a newer version is told apart from garbage, whatever follows the version") {
  for (const auto& bytes : {bytes_of({0x92, 3, 7}), bytes_of({0x93, 3, 0x80, 0xc3}),
                            bytes_of({0x92, 0xcd, 1, 0, 1}), bytes_of({0x9f, 9})}) {
    const auto decoded = decode_message(bytes);
    REQUIRE(decoded);
    REQUIRE(std::holds_alternative<message::OtherVersion>(*decoded));
    CHECK(std::get<message::OtherVersion>(*decoded).version > kProtocolVersion);
  }
  CHECK_FALSE(decode_message(bytes_of({0x92, 0, 7})));
  CHECK_FALSE(decode_message(bytes_of({0x92, 0xa1, '1', 7})));
}

TEST_CASE("an older version is told apart, too; its refusal is understood") {
  const auto ping = decode_message(bytes_of({0x92, 1, 7}));
  REQUIRE(ping);
  REQUIRE(std::holds_alternative<message::OtherVersion>(*ping));
  CHECK(std::get<message::OtherVersion>(*ping).version == 1);
  const auto refusal = decode_message(bytes_of({0x94, 1, 26, 1, 0xa2, 'n', 'o'}));
  REQUIRE(refusal);
  REQUIRE(std::holds_alternative<message::Refused>(*refusal));
  CHECK(std::get<message::Refused>(*refusal).code == RefusalCode::other_protocol);
}

TEST_CASE("histories and reports come out in their places") {
  const auto hello =
      decode_message(encode_message(message::Hello{1, "s", {}, Position{}, some_history()}));
  CHECK(std::get<message::Hello>(hello.value()).history == some_history());
  const auto probe = decode_message(encode_message(message::Probe{4, some_report()}));
  CHECK(std::get<message::Probe>(probe.value()).report == some_report());
}

TEST_CASE("a history of foreign origin is taken whole and sound, or not at all") {
  auto sound = [](const History& history) {
    return decode_message(encode_message(message::Hello{1, "s", {}, Position{}, history}))
        .has_value();
  };
  CHECK(sound({}));
  CHECK(sound(some_history()));
  auto falling = some_history();
  falling[1].epoch = 1;
  CHECK_FALSE(sound(falling));
  auto nameless = some_history();
  nameless[0].tenure = 0;
  CHECK_FALSE(sound(nameless));
  History longest;
  for (Epoch epoch = 1; epoch <= kHistoryLimit; ++epoch) {
    longest.push_back({epoch, std::string(kNodeNameLimit, 'n'), ~0ull, (1ull << 60) + epoch, ~0ull,
                       -1ll << 60, std::string(kOpeningReasonLimit, 'r')});
  }
  CHECK(sound(longest));
  longest.push_back(longest.back());
  longest.back().epoch += 1;
  longest.back().first_seq += 1;
  CHECK_FALSE(sound(longest));
  CHECK(sound(newest(longest)));
}

TEST_CASE("claims beyond the limits are refused") {
  auto sound = [](const Message& message) {
    return decode_message(encode_message(message)).has_value();
  };
  CHECK(sound(message::PagesRequest{1, 1, kGroupPages, {}}));
  CHECK_FALSE(sound(message::PagesRequest{1, 1, kGroupPages + 1, {}}));
  CHECK_FALSE(sound(message::PagesRequest{1, 0, 1, {}}));
  CHECK_FALSE(sound(message::PagesRequest{1, 1, 0, {}}));
  CHECK_FALSE(sound(message::PagesRequest{1, 0xffffffff, 2, {}}));
  CHECK_FALSE(sound(message::PagesRequest{1, 1, 2, {1, 2, 3}}));
  CHECK_FALSE(sound(message::Hello{1, std::string(kNameLimit + 1, 'x'), {}, {}, {}}));
  message::Probe probe;
  probe.report.node = std::string(kNameLimit + 1, 'x');
  CHECK_FALSE(sound(probe));
  message::Command command;
  command.to = std::string(kNameLimit + 1, 'x');
  CHECK_FALSE(sound(command));
  CHECK_FALSE(sound(message::CommandReply{1, true, std::string(kTextLimit + 1, 'x')}));
  CHECK_FALSE(sound(message::Refused{RefusalCode::full, std::string(kTextLimit + 1, 'x')}));
  CHECK_FALSE(sound(message::Batches{1, {}}));
  CHECK_FALSE(sound(message::Batches{1, std::vector<Bytes>(kBatchesLimit + 1)}));
  CHECK(sound(message::Batches{1, std::vector<Bytes>(kBatchesLimit)}));
  CHECK_FALSE(sound(message::Outline{true, {}, 4097, 1}));
  CHECK_FALSE(sound(message::LiveBatch{Bytes(kLiveLimit + 1)}));
}

TEST_CASE("page answers must fit together") {
  auto sound = [](auto change) {
    auto pages = some_pages();
    change(pages);
    return decode_message(encode_message(pages)).has_value();
  };
  CHECK(sound([](auto&) {}));
  CHECK_FALSE(sound([](auto& m) { m.contents.pop_back(); }));
  CHECK_FALSE(sound([](auto& m) { m.pages = {7, 2}; }));
  CHECK_FALSE(sound([](auto& m) { m.pages = {2, 2}; }));
  CHECK_FALSE(sound([](auto& m) { m.pages = {2, 17}; }));
  CHECK_FALSE(sound([](auto& m) { m.pages = {0, 2}; }));
  CHECK_FALSE(sound([](auto& m) { m.page_size = 1000; }));
  CHECK_FALSE(sound([](auto& m) { m.available = false; }));
}

TEST_CASE("deep and wide nesting is refused") {
  Bytes deep(1000, std::byte{0x91});
  CHECK_FALSE(decode_message(deep));
  // array of 2^32−1 elements that are not there
  CHECK_FALSE(decode_message(bytes_of({0xdd, 0xff, 0xff, 0xff, 0xff, 1})));
  // a byte string of 4 GiB that is not there
  CHECK_FALSE(decode_message(bytes_of({0x93, 2, 40, 0xc6, 0xff, 0xff, 0xff, 0xff})));
}
