// A publisher that is interrupted: what heals is waited out, and nothing that happened to the
// database meanwhile is missed, whatever the WAL says.
#include "common/core/clock.h"
#include "common/node/identity.h"
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

}  // namespace

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
