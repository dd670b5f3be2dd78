// What stands in the store, as text and back; addresses and base64.
#include "lease/lease_record.h"

#include "lease/base64.h"
#include "lease/etcd_options.h"
#include "tests/lease/keeper_stage.h"

#include <doctest/doctest.h>

namespace understudy::test {

TEST_CASE("records come back as they went") {
  auto record = record_of("db-1", 7);
  record.process = 0xfedc'ba98'7654'3210;
  record.stream.bytes.fill(3);
  record.is_offered = record.is_paused = true;
  record.sync = SyncRecord{2, {"b", "c"}, true};
  record.since = "2026-11-24T14:03:07Z";
  record.renewals = 12;
  CHECK(leader_record_from_json(to_json(record)) == record);
  record.sync.reset();
  record.is_released = true;
  CHECK(leader_record_from_json(to_json(record)) == record);

  MemberRecord member{.node = "b",
                      .process = 9,
                      .endpoint = "tcp://10.0.0.2:7600",
                      .role = "standby",
                      .state = "streaming",
                      .epoch = 3,
                      .seq = 14,
                      .applied = 13,
                      .refusal = "it is \"tagged\"",
                      .nofailover = true,
                      .noloadbalance = true,
                      .priority = -5,
                      .beats = 77};
  CHECK(member_record_from_json(to_json(member)) == member);
}

TEST_CASE("what is no record is none") {
  for (const char* text : {"", "null", "[]", "{}", "{\"node\":\"a\"}", "{\"node\":3,\"ttl_ms\":9}",
                           "{\"node\":\"a\",\"ttl_ms\":0,\"process\":\"1\"}",
                           "{\"node\":\"a\",\"ttl_ms\":9,\"process\":\"zz\"}",
                           "{\"node\":\"a\",\"ttl_ms\":9,\"process\":\"1\",\"epoch\":\"x\"}",
                           "{\"node\":\"a\",\"ttl_ms\":9,\"process\":\"1\",\"stream\":\"x\"}",
                           "{\"node\":\"a\",\"ttl_ms\":9,\"process\":\"1\",\"sync\":5}"}) {
    CAPTURE(text);
    CHECK(!leader_record_from_json(text));
  }
  CHECK(leader_record_from_json("{\"node\":\"a\",\"ttl_ms\":9,\"process\":\"1\",\"newer\":[]}"));
}

TEST_CASE("base64, as RFC 4648 has it") {
  const std::pair<const char*, const char*> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : known) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(from_base64(to_base64(all)) == all);
  for (const char* wrong : {"Z", "Zg=", "Z===", "====", "Zg==Zg==", "Z*==", "Zg=g"}) {
    CAPTURE(wrong);
    CHECK(!from_base64(wrong));
  }
}

TEST_CASE("addresses of etcd") {
  using Address = EtcdOptions::Address;
  CHECK(parse_etcd_endpoints("etcd://a") == std::vector<Address>{{"a", 2379}});
  CHECK(parse_etcd_endpoints("etcd://a:1,b,[::1]:3") ==
        std::vector<Address>{{"a", 1}, {"b", 2379}, {"::1", 3}});
  for (const char* wrong :
       {"", "a:1", "http://a", "etcd://", "etcd://a,", "etcd://a:0", "etcd://a:65536", "etcd://a:x",
        "etcd://a/b", "etcd://[::1", "etcd://u@a"}) {
    CAPTURE(wrong);
    CHECK(!parse_etcd_endpoints(wrong));
  }
}

}  // namespace understudy::test
