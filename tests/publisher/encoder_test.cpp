// Encoder against real SQLite: frames of a real WAL go in, and applying the records that come out
// to a map of pages gives what SQLite's own checkpoint makes of a copy, byte for byte, at every
// commit, with the sums on record. The same through a repair, and with parts split.
#include "publisher/encoder.h"

#include "common/record/delta.h"
#include "common/record/page_hash.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <random>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

using Pages = std::map<PageNo, Bytes>;

// The committed state: copies of database and WAL, checkpointed by SQLite itself.
Pages pages_of(const std::string& path, const std::string& copy_path, std::uint32_t page_size) {
  std::filesystem::remove(copy_path);
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path + suffix, copy_path + suffix);
  }
  Connection(copy_path, Connection::Mode::read_write).execute("PRAGMA wal_checkpoint(TRUNCATE)");
  const File file(copy_path, File::Mode::read_only);
  Pages pages;
  const auto count = file.size() / page_size;
  for (PageNo page = 1; page <= count; ++page) {
    auto& content = pages[page];
    content.resize(page_size);
    file.read((page - 1) * std::uint64_t{page_size}, content);
  }
  return pages;
}

class Fixture {
 public:
  explicit Fixture(std::uint32_t page_size)
      : application(folder.path() + "/app.db", Connection::Mode::create) {
    application.execute("PRAGMA page_size=" + std::to_string(page_size));
    application.execute("PRAGMA journal_mode=WAL");
    application.execute("PRAGMA wal_autocheckpoint=0");
    application.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, k INT, body BLOB)");
    application.execute("CREATE INDEX i ON t(k)");
    raw.emplace(folder.path() + "/app.db");
    frame = raw->index().read_header()->last_frame;
    make_encoder(Position{1, 0, 0}, PageHashes(page_size), Encoder::Mode::learning);
    scan();
    state = pages();
  }

  void make_encoder(const Position& position, PageHashes hashes, Encoder::Mode mode) {
    encoder.emplace(*raw, queue, stream, position, std::move(hashes));
    encoder->set_mode(mode);
  }

  Pages pages() {
    return pages_of(folder.path() + "/app.db", folder.path() + "/copy.db", raw->page_size());
  }

  wal::Cursor cursor() { return raw->index().read_header()->cursor(); }

  void scan() {
    Bytes content(raw->page_size());
    const auto count = raw->index().read_header()->page_count;
    for (PageNo page = 1; page <= count; ++page) {
      raw->read_page(page, frame, content);
      encoder->on_scanned_page(page, content, cursor());
    }
    encoder->finish_scan(count, cursor());
    encoder->flush();
  }

  // Feeds the frames that were committed since the last call.
  void feed_new_frames() {
    const auto last = raw->index().read_header()->last_frame;
    Bytes bytes(wal::kFrameHeaderSize + raw->page_size());
    while (frame < last) {
      ++frame;
      REQUIRE(raw->read_wal(wal::frame_offset(frame, raw->page_size()), bytes) == bytes.size());
      const auto header = wal::FrameHeader::decode(std::span(bytes).first<wal::kFrameHeaderSize>());
      encoder->on_frame({frame,
                         header.page,
                         header.page_count_after,
                         ByteView(bytes).subspan(wal::kFrameHeaderSize),
                         {header.salts, frame, header.checksum}});
    }
    encoder->flush();
  }

  // Applies what the encoder made to `state`, checking hashes and sums; returns the records' kinds.
  std::vector<RecordKind> apply_records() {
    std::vector<RecordKind> kinds;
    for (const auto& batch : queue.take(100 << 20, 0ms)) {
      ByteView rest(batch.raw);
      RecordPart part;
      while (!rest.empty()) {
        REQUIRE(decode_part(rest, part));
        ++parts;
        apply_part(part);
        if (part.header.last) kinds.push_back(part.header.kind);
      }
    }
    return kinds;
  }

  void apply_part(const RecordPart& part) {
    for (const auto& change : part.changes) {
      auto& page = state[change.page];
      if (change.encoding == PageEncoding::whole)
        page.assign(change.body.begin(), change.body.end());
      else
        REQUIRE(apply_delta(page, change.body));
      REQUIRE(hash_page(change.page, page) == change.hash);
      (change.encoding == PageEncoding::whole ? wholes : deltas)++;
    }
    if (!part.header.last) return;
    state.erase(state.upper_bound(part.header.page_count), state.end());
    StateSum sum = 0;
    for (const auto& [page, content] : state) sum += hash_page(page, content);
    REQUIRE(sum == part.header.sum_after);
    REQUIRE(state.size() == part.header.page_count);
  }

  test::TemporaryDirectory folder;
  Connection application;
  StreamId stream = StreamId::random();
  PartQueue queue{64 << 20};
  std::optional<wal::RawDatabase> raw;
  std::optional<Encoder> encoder;
  wal::FrameNo frame = 0;
  Pages state;
  int parts = 0, deltas = 0, wholes = 0;
};

void change_something(Connection& database, std::mt19937& random) {
  const auto k = std::to_string(random() % 1000);
  switch (random() % 6) {
    case 0:
      database.execute("DELETE FROM t WHERE k<" + std::to_string(random() % 200));
      break;
    case 1:
      database.execute("UPDATE t SET k=k+1, body=randomblob(" + k +
                       ") WHERE id%7=" + std::to_string(random() % 7));
      break;
    case 2:
      database.execute("INSERT INTO t(k,body) VALUES(" + k + ",randomblob(" +
                       std::to_string(random() % 9000) + "))");
      break;
    case 3:
      database.execute(
          "BEGIN; INSERT INTO t(k,body) VALUES(1,zeroblob(50000)); DELETE FROM t WHERE k=1; "
          "COMMIT");
      break;
    default:
      database.execute("INSERT INTO t(k,body) VALUES(" + k + ",randomblob(100))");
  }
}

}  // namespace

TEST_CASE("records applied one after another give the database at every commit") {
  for (const std::uint32_t page_size : {512u, 4096u, 65536u}) {
    CAPTURE(page_size);
    Fixture fixture(page_size);
    std::mt19937 random(page_size);
    for (int commit = 0; commit < 60; ++commit) {
      if (commit % 20 == 19)
        fixture.application.execute("VACUUM");
      else
        change_something(fixture.application, random);
      fixture.feed_new_frames();
      for (const auto kind : fixture.apply_records()) CHECK(kind == RecordKind::transaction);
      REQUIRE(fixture.state == fixture.pages());
    }
    CHECK(fixture.deltas > 0);
    CHECK(fixture.wholes > 0);
    CHECK(fixture.encoder->position().seq >= 40);
  }
}

TEST_CASE("a repair carries what differs, also what commits change while it scans") {
  Fixture fixture(4096);
  std::mt19937 random(5);
  for (int i = 0; i < 40; ++i) change_something(fixture.application, random);
  // The encoder saw none of these frames: it starts anew behind them, with the old table.
  const auto position = fixture.encoder->position();
  auto hashes = fixture.encoder->hashes();
  fixture.frame = fixture.raw->index().read_header()->last_frame;
  fixture.make_encoder(position, std::move(hashes), Encoder::Mode::repair);
  change_something(fixture.application, random);
  fixture.feed_new_frames();  // a commit before its pages were scanned
  fixture.scan();
  const auto kinds = fixture.apply_records();
  REQUIRE(kinds.size() == 1);
  CHECK(kinds[0] == RecordKind::repair);
  CHECK(fixture.encoder->position().seq == position.seq + 1);
  CHECK(fixture.state == fixture.pages());
}

TEST_CASE("a repair that finds nothing makes no record") {
  Fixture fixture(4096);
  auto hashes = fixture.encoder->hashes();
  fixture.make_encoder(fixture.encoder->position(), std::move(hashes), Encoder::Mode::repair);
  fixture.scan();
  const auto handed_over = fixture.queue.take(1 << 20, 0ms);
  REQUIRE(handed_over.size() == 1);
  CHECK(handed_over[0].raw.empty());
  CHECK(handed_over[0].cursor == fixture.cursor());  // the next start need not scan
  CHECK(fixture.encoder->position().seq == 0);
}

TEST_CASE("a transaction larger than a part leaves in parts, and is one record") {
  Fixture fixture(4096);
  fixture.application.execute("PRAGMA cache_size=20");  // spills: pages appear more than once
  fixture.application.execute(
      "BEGIN; INSERT INTO t(k,body) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c "
      "WHERE x<3000) SELECT x, randomblob(800) FROM c; UPDATE t SET k=-k; COMMIT");
  fixture.feed_new_frames();
  CHECK(fixture.apply_records().size() == 1);
  CHECK(fixture.parts > 5);
  CHECK(fixture.state == fixture.pages());
}

TEST_CASE("a log that takes nothing makes the encoder give up instead of waiting for ever") {
  Fixture fixture(4096);
  PartQueue closed(10);
  closed.close();
  Encoder encoder(*fixture.raw, closed, fixture.stream, fixture.encoder->position(),
                  fixture.encoder->hashes());
  encoder.set_mode(Encoder::Mode::repair);
  encoder.on_scanned_page(1, Bytes(4096), fixture.cursor());
  encoder.finish_scan(1, fixture.cursor());
  CHECK_THROWS_AS(encoder.flush(), LogStalled);
}
