// How long the record of a single-row insert into a table with one index is: what the publisher
// makes of the frames that SQLite writes, and the pages that a standby makes of the record.
#include "common/core/byte_order.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"
#include "common/record/record.h"
#include "common/sqlite/connection.h"
#include "tests/record/random_bytes.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <fstream>
#include <map>

using namespace understudy;

namespace {

constexpr std::uint32_t kPageSize = 4096;
constexpr std::size_t kFrameSize = 24 + kPageSize;

using Pages = std::map<PageNo, Bytes>;

// The frames of a -wal file from `frame` on (counted from 0); the newest of each page.
Pages read_frames(const std::string& path, std::size_t& frame) {
  std::ifstream file(path, std::ios::binary);
  Pages pages;
  Bytes bytes(kFrameSize);
  for (;; ++frame) {
    file.seekg(static_cast<std::streamoff>(32 + frame * kFrameSize));
    if (!file.read(reinterpret_cast<char*>(bytes.data()), kFrameSize)) return pages;
    pages[load_be32(bytes.data())] = Bytes(bytes.begin() + 24, bytes.end());
  }
}

Bytes encode_record(Pages& state, const Pages& changed) {
  PartBuilder builder;
  Bytes delta;
  for (const auto& [page, content] : changed) {
    const auto before = state.find(page);
    delta.clear();
    const bool is_delta = before != state.end() && encode_delta(before->second, content, delta);
    builder.add({page, hash_page(page, content),
                 is_delta ? PageEncoding::delta : PageEncoding::whole, is_delta ? delta : content});
  }
  PartHeader header;
  header.epoch = 1;
  header.seq = 123456;
  header.last = true;
  header.page_size = kPageSize;
  header.page_count = 9999;
  header.time_us = 1700000000000000;
  header.sum_before = header.sum_after = 0x99aabbccddeeff00;
  Bytes out;
  builder.finish(header, out);
  return out;
}

void apply_record(Pages& state, ByteView record) {
  RecordPart part;
  REQUIRE(decode_part(record, part));
  for (const auto& change : part.changes) {
    auto& page = state[change.page];
    if (change.encoding == PageEncoding::whole) {
      page.assign(change.body.begin(), change.body.end());
    } else {
      REQUIRE(apply_delta(page, change.body));
    }
    REQUIRE(hash_page(change.page, page) == change.hash);
  }
}

}  // namespace

TEST_CASE("a single-row insert into a table with one index takes at most 0.9 KB") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("app.db");
  Connection app(path, Connection::Mode::create);
  app.execute(
      "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
      "CREATE TABLE message(id INTEGER PRIMARY KEY, author INTEGER, sent INTEGER, body TEXT);"
      "CREATE INDEX message_author ON message(author, sent);");
  std::size_t frame = 0;
  auto state = read_frames(path + "-wal", frame);
  auto insert = app.prepare("INSERT INTO message(author, sent, body) VALUES (?1, ?2, ?3)");
  testing::Random random(60);
  std::size_t bytes = 0;
  const auto frames_before = frame;
  constexpr std::size_t kInserts = 3000;
  for (std::size_t i = 0; i < kInserts; ++i) {
    const auto body =
        testing::to_hex(testing::random_bytes(random, 20 + testing::below(random, 60)));
    insert.bind(1, static_cast<std::int64_t>(testing::below(random, 500)));
    insert.bind(2, static_cast<std::int64_t>(1700000000000 + i)).bind(3, body).run();
    const auto changed = read_frames(path + "-wal", frame);
    const auto record = encode_record(state, changed);
    bytes += record.size();
    apply_record(state, record);
    for (const auto& [page, content] : changed) REQUIRE(state[page] == content);
  }
  const auto wal = (frame - frames_before) * kFrameSize / kInserts;
  const auto record_bytes = bytes / kInserts;
  MESSAGE(record_bytes, " bytes a record, ", wal, " bytes of WAL");
  CHECK(wal > 8000);
  CHECK(record_bytes <= 900);
}
