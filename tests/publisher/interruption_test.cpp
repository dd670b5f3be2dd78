// A publisher that is interrupted: what heals is waited out, and nothing that happened to the
// database meanwhile is missed, whatever the WAL says.
#include "common/core/clock.h"
#include "common/file/file.h"
#include "common/node/identity.h"
#include "common/record/page_hash.h"
#include "common/sqlite/connection.h"
#include "publisher/publisher.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace understudy::test {
namespace {

PublisherOptions options_for(const std::string& database) {
  PublisherOptions options;
  options.database = database;
  options.node = "primary";
  options.listen = {"127.0.0.1", 0};
  return options;
}

// A publisher on its own thread; what its run() threw is kept.
class RunningPublisher {
 public:
  RunningPublisher(const std::string& database, const StateDirectory& directory)
      : publisher_(options_for(database), directory), thread_([this] {
          try {
            publisher_.run();
          } catch (const std::exception& error) {
            const std::lock_guard lock(mutex_);
            failure_ = error.what();
          }
        }) {}
  ~RunningPublisher() {
    publisher_.stop();
    thread_.join();
  }

  void wait_until(const char* what, const std::function<bool(const Status&)>& is_so) {
    constexpr std::int64_t kPatience_us = 20'000'000;
    const auto deadline = monotonic_time_us() + kPatience_us;
    while (!is_so(publisher_.status())) {
      const std::lock_guard lock(mutex_);
      INFO(std::string(what));
      REQUIRE(failure_ == "");
      REQUIRE(monotonic_time_us() < deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void wait_for_seq(Seq seq) {
    wait_until("the record is durable", [seq](const Status& status) {
      return status.state == NodeState::publishing && status.position.seq == seq;
    });
  }

 private:
  Publisher publisher_;
  std::mutex mutex_;
  std::string failure_;
  std::thread thread_;
};

void damage_page(const std::string& database, PageNo page) {
  std::fstream file(database, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(page - 1) * 4096 + 2000);
  file << "not what SQLite wrote";
  REQUIRE(file.good());
}

// Another version of the database, byte by byte, into the same file.
void copy_over(const std::string& from, const std::string& to) {
  std::ifstream source(from, std::ios::binary);
  std::fstream target(to, std::ios::binary | std::ios::in | std::ios::out);
  target << source.rdbuf();
  REQUIRE(target.good());
}

StateSum sum_of(const std::string& database) {
  const File file(database, File::Mode::read_only);
  Bytes content(4096);
  StateSum sum = 0;
  for (std::uint64_t page = 1; page <= file.size() / content.size(); ++page) {
    file.read((page - 1) * content.size(), content);
    sum += hash_page(static_cast<PageNo>(page), content);
  }
  return sum;
}

}  // namespace

TEST_CASE("a database copied over the one that is published, in place, is found out and repaired") {
  const TemporaryDirectory folder;
  const auto database = folder.file("app.db");
  const std::string fill =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) "
      "INSERT INTO t(id, x) SELECT i, randomblob(3000) FROM n";
  const auto make = [&](const std::string& path) {
    Connection application(path, Connection::Mode::create, 1000);
    application.execute("PRAGMA page_size = 4096");
    application.execute("PRAGMA journal_mode = WAL");
    application.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
    application.execute(fill);
  };
  make(database);
  make(folder.file("other.db"));
  const StateDirectory directory(folder.file("state"));
  directory.create();
  (void)claim_identity(directory, database, NodeRole::primary, "primary");
  RunningPublisher publisher(database, directory);
  publisher.wait_for_seq(0);
  {
    Connection application(database, Connection::Mode::read_write, 1000);
    application.execute("CREATE TABLE u(x)");
    publisher.wait_for_seq(1);
    publisher.wait_until("it rests",
                         [](const Status& s) { return s.wal && s.wal->state == "park"; });
    application.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  copy_over(folder.file("other.db"), database);
  Connection application(database, Connection::Mode::read_write, 1000);
  application.execute("UPDATE t SET x = randomblob(3000) WHERE id % 100 = 1");
  publisher.wait_for_seq(2);
  publisher.wait_until("it rests", [](const Status& s) { return s.wal && s.wal->state == "park"; });
  publisher.wait_until("the sum on record is that of the file",
                       [sum = sum_of(database)](const Status& s) { return s.position.sum == sum; });
}

TEST_CASE("a database that goes away and comes back is published on, with what changed in it") {
  const TemporaryDirectory folder;
  const auto database = folder.file("app.db");
  {
    Connection application(database, Connection::Mode::create, 1000);
    application.execute(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; CREATE TABLE t(x);"
        "INSERT INTO t VALUES (randomblob(20000))");
  }
  const StateDirectory directory(folder.file("state"));
  directory.create();
  (void)claim_identity(directory, database, NodeRole::primary, "primary");
  // Its clean end saves the table of page hashes, so that the next one has no need to scan.
  RunningPublisher(database, directory).wait_for_seq(0);
  RunningPublisher publisher(database, directory);
  publisher.wait_for_seq(0);
  Connection(database, Connection::Mode::read_write, 1000).execute("CREATE TABLE u(x)");
  publisher.wait_for_seq(1);

  const auto away = folder.file("away.db");
  std::filesystem::rename(database, away);
  publisher.wait_until("the loss is told", [](const Status& status) {
    return status.last_error.find("no database") != std::string::npos;
  });
  // No frame of the WAL tells of it, and the WAL still connects to the last record.
  damage_page(away, 4);
  std::filesystem::rename(away, database);
  publisher.wait_for_seq(2);
}

}  // namespace understudy::test
