// A state directory serves one process, one database, one role, one stream; refusals change
// nothing.
#include "common/node/identity.h"

#include "common/core/errors.h"
#include "common/node/durable_file.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace understudy;

namespace {

struct Fixture {
  test::TemporaryDirectory temporary;
  std::string database = temporary.file("app.db");
  StateDirectory directory{StateDirectory::default_path(database)};

  Fixture() { directory.create(); }
  NodeIdentity claim(const std::string& name = {}) {
    return claim_identity(directory, database, NodeRole::primary, name);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the folder is private, and one that others may write to is refused") {
  struct stat info {};
  REQUIRE(::stat(directory.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  directory.create();
  ::chmod(directory.path().c_str(), 0777);
  CHECK_THROWS_AS(directory.create(), ConfigError);
  const StateDirectory in_the_way(temporary.file("file"));
  replace_file(in_the_way.path(), "x");
  CHECK_THROWS_AS(in_the_way.create(), ConfigError);
}

TEST_CASE_FIXTURE(Fixture, "a second lock is refused and names the process that has the first") {
  {
    const StateLock first(directory);
    try {
      const StateLock second(directory);
      FAIL("two locks");
    } catch (const ConfigError& error) {
      const auto wanted = "already running as pid " + std::to_string(::getpid());
      CHECK(std::string(error.what()).find(wanted) != std::string::npos);
    }
  }
  const StateLock again(directory);
}

TEST_CASE_FIXTURE(Fixture, "the name is made once and kept; --node renames who has no stream yet") {
  const auto made = claim();
  CHECK(is_node_name(made.node));
  CHECK(claim() == made);
  CHECK(claim("db7").node == "db7");
  CHECK(claim().node == "db7");
  claim_stream(directory, StreamId::random());
  CHECK(claim("db7").node == "db7");
  CHECK_THROWS_AS(claim("db8"), ConfigError);
  CHECK(claim().node == "db7");
}

TEST_CASE_FIXTURE(Fixture, "what takeover puts on record is kept") {
  auto identity = claim();
  identity.demoted_from = 7;
  identity.fenced = true;
  save_identity(directory, identity);
  CHECK(claim() == identity);
}

TEST_CASE_FIXTURE(Fixture, "another database is refused, and nothing changes") {
  const auto made = claim();
  CHECK_THROWS_AS(claim_identity(directory, temporary.file("b.db"), NodeRole::primary, "x"),
                  ConfigError);
  CHECK(claim_identity(directory, database, NodeRole::standby, "").role == NodeRole::primary);
  CHECK(load_identity(directory) == made);
}

TEST_CASE_FIXTURE(Fixture, "database and state directory may be moved together") {
  const auto made = claim();
  const auto moved = temporary.file("moved");
  std::filesystem::create_directory(moved);
  const StateDirectory there(moved + "/app.db-understudy");
  std::filesystem::rename(directory.path(), there.path());
  CHECK(claim_identity(there, moved + "/app.db", NodeRole::primary, "") == made);
  CHECK(database_path(there, made) == std::filesystem::weakly_canonical(moved + "/app.db"));
}

TEST_CASE_FIXTURE(Fixture, "a path that is not UTF-8 is known again") {
  database = temporary.file("app\xff.db");
  CHECK(claim().node == claim().node);
}

TEST_CASE_FIXTURE(Fixture, "the first stream stays, another one is refused") {
  claim();
  const auto stream = StreamId::random();
  claim_stream(directory, stream);
  claim_stream(directory, stream);
  CHECK_THROWS_AS(claim_stream(directory, StreamId::random()), ConfigError);
  CHECK(load_identity(directory)->stream == stream);
}

TEST_CASE_FIXTURE(Fixture, "a newer format is a refusal, a damaged file is corruption") {
  claim();
  const auto whole = read_whole_file(directory.identity(), 4096).value();
  auto newer = whole;
  newer.replace(newer.find("\"format\": 1"), 11, "\"format\": 2");
  replace_file(directory.identity(), newer);
  CHECK_THROWS_AS((void)load_identity(directory), ConfigError);
  // The last byte is a line break, which nothing depends on; the one before closes the object.
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    replace_file(directory.identity(), whole.substr(0, length));
    CHECK_THROWS_AS((void)load_identity(directory), CorruptionError);
  }
}

TEST_CASE("names are plain") {
  CHECK(is_node_name("db-1.eu_2"));
  for (const auto* name : {"", "a b", "a/b", "a\n", "\xc3\xa4"}) CHECK_FALSE(is_node_name(name));
  CHECK_FALSE(is_node_name(std::string(65, 'a')));
}
