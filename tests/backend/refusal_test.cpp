// Files that must be refused, and damage of every kind: cut at every length, every bit flipped.
// Detected, or harmless; never other content.
#include "common/backend/backend.h"
#include "common/core/errors.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace understudy::test {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void make_small_backend(const std::string& path) {
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  for (int i = 0; i < 3; ++i) {
    const Bytes blob = log.batch_of(2, 200);
    const BatchView batch = view(blob);
    backend->append({&batch, 1}, Bytes(20, std::byte{5}));
  }
  const Bytes blob = log.open_epoch(2);
  const BatchView batch = view(blob);
  backend->append({&batch, 1}, {});
}

// All that the product can be told by a backend.
struct Account {
  LogBounds bounds;
  History history;
  std::vector<Bytes> blobs;
  Bytes cursor;
  std::vector<std::optional<Position>> positions;
};

Account read_all(const std::string& path) {
  Account account;
  auto backend = open_sqlite_backend(path);
  account.bounds = backend->bounds();
  account.history = backend->history();
  account.cursor = backend->cursor();
  auto reader = backend->open_reader();
  for (Seq seq = 1; seq <= 7; ++seq) {
    const auto blobs = reader->read({seq, 0}, 1);
    account.blobs.insert(account.blobs.end(), blobs.begin(), blobs.end());
    account.positions.push_back(reader->position_at(seq));
  }
  return account;
}

bool same(const Account& a, const Account& b) {
  return a.bounds.base == b.bounds.base && a.bounds.last == b.bounds.last &&
         a.bounds.next == b.bounds.next && a.bounds.bytes == b.bounds.bytes && a.blobs == b.blobs &&
         a.cursor == b.cursor && a.history == b.history && a.positions == b.positions;
}

// True: detected. Other content fails the test.
bool is_detected(const std::string& path, const Account& truth) {
  std::optional<Account> found;
  try {
    found = read_all(path);
  } catch (const Error&) {
    return true;
  }
  CHECK(same(*found, truth));
  return false;
}

TEST_CASE("the stream of another database, a newer version, another program: refused, untouched") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  make_small_backend(path);
  const auto before = contents(path);
  CHECK_THROWS_AS(open_sqlite_backend(path, StreamId::random(), kBase, kHistory), ConfigError);
  CHECK(contents(path) == before);
  Connection(path, Connection::Mode::read_write).execute("PRAGMA user_version = 4");
  CHECK_THROWS_AS(open_sqlite_backend(path, test_stream(), kBase, kHistory), ConfigError);
  CHECK_THROWS_AS(open_sqlite_log_reader(path), ConfigError);

  const auto other = folder.file("app.db");
  Connection(other, Connection::Mode::create).execute("CREATE TABLE t (x)");
  const auto other_before = contents(other);
  CHECK_THROWS_AS(open_sqlite_backend(other, test_stream(), kBase, kHistory), ConfigError);
  CHECK(contents(other) == other_before);

  CHECK_THROWS_AS(open_sqlite_log_reader(folder.file("none")), ConfigError);
  CHECK_THROWS_AS(open_sqlite_backend(folder.file("none")), ConfigError);
  CHECK_FALSE(std::filesystem::exists(folder.file("none")));
  put(folder.file("garbage"), std::string(10'000, 'x'));
  CHECK_THROWS_AS(open_sqlite_backend(folder.file("garbage"), test_stream(), kBase, kHistory),
                  CorruptionError);
}

TEST_CASE("an empty file, or a database without tables, is a creation that did not end") {
  TemporaryDirectory folder;
  put(folder.file("empty"), "");
  CHECK(open_sqlite_backend(folder.file("empty"), test_stream(), kBase, kHistory)->bounds().base ==
        kBase);
  const auto half = folder.file("half");
  Connection(half, Connection::Mode::create)
      .execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t");
  CHECK(open_sqlite_backend(half, test_stream(), kBase, kHistory)->bounds().base == kBase);
}

TEST_CASE("cut at any length: detected") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  make_small_backend(path);
  const auto whole = contents(path);
  const auto truth = read_all(path);
  for (std::size_t size = 1; size < whole.size(); size += size % 4096 == 0 ? 1 : 97) {
    CAPTURE(size);
    put(path, whole.substr(0, size));
    CHECK(is_detected(path, truth));
    std::filesystem::remove(path + "-wal");
    std::filesystem::remove(path + "-shm");
  }
}

// A step that is prime to 8 meets every bit position; UNDERSTUDY_EVERY_BIT=1 flips all of them.
TEST_CASE("any bit flipped: detected, or harmless") {
  const std::size_t step = std::getenv("UNDERSTUDY_EVERY_BIT") != nullptr ? 1 : 101;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  make_small_backend(path);
  const auto whole = contents(path);
  const auto truth = read_all(path);
  int detected = 0;
  int flipped = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += step, ++flipped) {
    CAPTURE(bit);
    auto bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    put(path, bytes);
    detected += is_detected(path, truth) ? 1 : 0;
    std::filesystem::remove(path + "-wal");
    std::filesystem::remove(path + "-shm");
  }
  MESSAGE("bits flipped: " << flipped << ", detected: " << detected);
  CHECK(detected > 0);
}

TEST_CASE("a row that is missing or does not follow on is told with its values") {
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  for (const auto* sabotage :
       {"DELETE FROM batch WHERE id = 2", "DELETE FROM batch WHERE id = 1",
        "UPDATE batch SET sum_before = 1 WHERE id = 3", "UPDATE batch SET payload = x'00'",
        "UPDATE batch SET end_offset = end_offset + 1 WHERE id = 3", "DELETE FROM meta",
        "UPDATE meta SET base_seq = 1", "DELETE FROM epoch", "DELETE FROM epoch WHERE epoch = 1",
        "DELETE FROM epoch WHERE epoch = 2", "UPDATE epoch SET node = 'x' WHERE epoch = 1",
        "UPDATE epoch SET tenure = 8", "DROP TABLE epoch", "PRAGMA user_version = 1",
        "PRAGMA user_version = 2", "UPDATE batch SET cursor = zeroblob(28) WHERE id = 4",
        "UPDATE batch SET cursor = (SELECT cursor FROM batch WHERE id = 3) WHERE id = 4"}) {
    CAPTURE(std::string(sabotage));
    std::filesystem::remove(path);
    make_small_backend(path);
    Connection(path, Connection::Mode::read_write).execute(sabotage);
    CHECK_THROWS_AS((void)read_all(path), CorruptionError);
  }
}

}  // namespace
}  // namespace understudy::test
