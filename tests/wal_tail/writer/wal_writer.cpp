// An application that knows nothing of Understudy: writes to a WAL database in ways of its own and
// reports what happened to it. Arguments are key=value; the report is one line of them.
//
//   db=PATH seed=N ms=N (how long)  work=rows|mixed|single  autocheckpoint=N  timeout=MS
//   explicit=none|passive|full|restart|truncate|any|each  every=MS   checkpoints of its own
//   log=PATH  the hash of each committed state, 8 bytes each, in order (one writer only)
//   pause_us=N between transactions   rest_ms=N before each checkpoint of its own
//   nightly=1  each of these checkpoints is made by a connection that is opened for it alone
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>
#include <xxhash.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;
using Options = std::map<std::string, std::string>;

class Writer {
 public:
  explicit Writer(Options options)
      : options_(std::move(options)), random_(number("seed", 1)), work_(text("work", "mixed")) {
    if (sqlite3_open(text("db", "").c_str(), &db_) != SQLITE_OK) die("open");
    sqlite3_busy_timeout(db_, number("timeout", 5000));
    run("PRAGMA synchronous=NORMAL");
    run(fmt::format("PRAGMA wal_autocheckpoint={}", number("autocheckpoint", 1000)));
    run(fmt::format("PRAGMA cache_size={}", number("cache", 2000)));
    if (options_.contains("log")) log_ = std::fopen(text("log", "").c_str(), "ab");
  }
  ~Writer() {
    if (log_ != nullptr) std::fclose(log_);
    int flag = 1;
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_PERSIST_WAL, &flag);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_close(db_);
  }

  void work_until_end() {
    const auto begin = Clock::now();
    const auto end = begin + std::chrono::milliseconds(number("ms", 1000));
    const auto every = std::chrono::milliseconds(number("every", 5));
    auto next_checkpoint = begin + every;
    log_state();
    while (Clock::now() < end) {
      transact();
      log_state();
      if (text("explicit", "none") != "none" && Clock::now() >= next_checkpoint) {
        checkpoint();
        next_checkpoint = Clock::now() + every;
      }
      if (number("pause_us", 0) > 0) ::usleep(static_cast<useconds_t>(number("pause_us", 0)));
    }
    const std::chrono::duration<double> took = Clock::now() - begin;
    fmt::print(
        "commits={} busy={} rate={:.0f} checkpoints={} checkpoints_busy={} "
        "slowest_ms={:.1f} slowest_commit_ms={:.1f}\n",
        commits_, busy_, static_cast<double>(commits_) / took.count(), checkpoints_,
        checkpoints_busy_, slowest_checkpoint_ms_, slowest_commit_ms_);
  }

 private:
  std::string text(const std::string& key, const std::string& otherwise) const {
    const auto found = options_.find(key);
    return found == options_.end() ? otherwise : found->second;
  }
  int number(const std::string& key, int otherwise) const {
    const auto found = options_.find(key);
    return found == options_.end() ? otherwise : std::stoi(found->second);
  }
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  [[noreturn]] void die(const std::string& doing) {
    fmt::print("error={} message=\"{}\"\n", doing, sqlite3_errmsg(db_));
    std::fflush(stdout);
    std::_Exit(1);
  }

  bool run(const std::string& sql) {
    const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return true;
    if (code != SQLITE_BUSY) die(sql);
    ++busy_;
    return false;
  }

  void transact() {
    const auto begin = Clock::now();
    const bool done = work_ == "rows"     ? insert_rows(1 + pick(20))
                      : work_ == "single" ? insert_rows(1)
                                          : transact_somehow();
    const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
    slowest_commit_ms_ = std::max(slowest_commit_ms_, took.count());
    if (done) {
      ++commits_;
    } else {
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }

  bool insert_rows(int rows) {
    if (rows == 1) return run(insert());
    if (!run("BEGIN IMMEDIATE")) return false;
    for (int i = 0; i < rows; ++i) {
      if (!run(insert())) return false;
    }
    return run("COMMIT");
  }

  std::string insert() {
    return fmt::format("INSERT INTO t(a,b) VALUES('{:08x}', randomblob({}))", random_(), pick(200));
  }

  bool transact_somehow() {
    switch (pick(12)) {
      case 0:
        return run("BEGIN IMMEDIATE") && run(fill(400)) && run("COMMIT");  // spills
      case 1:
        return run("BEGIN IMMEDIATE") && run(fill(300)) && run("ROLLBACK");
      case 2:
        return run("BEGIN IMMEDIATE") && run(insert()) && run("SAVEPOINT s") && run(fill(100)) &&
               run("ROLLBACK TO s") && run(insert()) && run("COMMIT");
      case 3:
        return run(fmt::format("DELETE FROM t WHERE id % 7 = {}", pick(7)));
      case 4:
        return run(
            fmt::format("UPDATE t SET b=randomblob({}) WHERE id % 5 = {}", pick(400), pick(5)));
      case 5:
        return pick(10) == 0 ? run("VACUUM") : run(insert());
      case 6:
        return pick(2) == 0 ? run("CREATE TABLE IF NOT EXISTS u(x)")
                            : run("DROP TABLE IF EXISTS u");
      case 7:
        return run("DELETE FROM t WHERE id < (SELECT max(id) FROM t) - 1500");
      default:
        return insert_rows(1 + pick(20));
    }
  }

  std::string fill(int rows) {
    return fmt::format(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{}) "
        "INSERT INTO t(a,b) SELECT hex(randomblob(8)), randomblob(300) FROM n",
        rows);
  }

  void checkpoint() {
    ::usleep(static_cast<useconds_t>(1000 * number("rest_ms", 0)));
    sqlite3* own = nullptr;
    const bool is_nightly = number("nightly", 0) != 0;
    if (is_nightly) own = open_own();
    checkpoint_by(is_nightly ? own : db_);
    if (sqlite3_close(own) != SQLITE_OK) die("close");
  }

  sqlite3* open_own() {
    sqlite3* own = nullptr;
    if (sqlite3_open(text("db", "").c_str(), &own) != SQLITE_OK) die("open");
    // Before its first statement a connection does not know that there is a WAL.
    if (sqlite3_exec(own, "SELECT 1 FROM sqlite_schema", nullptr, nullptr, nullptr)) die("read");
    return own;
  }

  void checkpoint_by(sqlite3* connection) {
    static const std::map<std::string, int> kModes{{"passive", SQLITE_CHECKPOINT_PASSIVE},
                                                   {"full", SQLITE_CHECKPOINT_FULL},
                                                   {"restart", SQLITE_CHECKPOINT_RESTART},
                                                   {"truncate", SQLITE_CHECKPOINT_TRUNCATE}};
    const auto found = kModes.find(text("explicit", "any"));
    const int mode = text("explicit", "any") == "each" ? static_cast<int>(checkpoints_ % 4)
                     : found == kModes.end()           ? pick(4)
                                                       : found->second;
    const auto begin = Clock::now();
    const int code = sqlite3_wal_checkpoint_v2(connection, nullptr, mode, nullptr, nullptr);
    const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
    slowest_checkpoint_ms_ = std::max(slowest_checkpoint_ms_, took.count());
    ++checkpoints_;
    if (code == SQLITE_BUSY) {
      ++checkpoints_busy_;
    } else if (code != SQLITE_OK) {
      die("checkpoint");
    }
  }

  void log_state() {
    if (log_ == nullptr) return;
    sqlite3_int64 size = 0;
    auto* image = sqlite3_serialize(db_, "main", &size, 0);
    if (image == nullptr) die("serialize");
    const std::uint64_t hash = XXH3_64bits(image, static_cast<std::size_t>(size));
    sqlite3_free(image);
    std::fwrite(&hash, sizeof hash, 1, log_);
  }

  Options options_;
  std::mt19937 random_;
  std::string work_;
  sqlite3* db_ = nullptr;
  std::FILE* log_ = nullptr;
  long commits_ = 0;
  long busy_ = 0;
  long checkpoints_ = 0;
  long checkpoints_busy_ = 0;
  double slowest_checkpoint_ms_ = 0;
  double slowest_commit_ms_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto equals = argument.find('=');
    if (equals != std::string::npos) {
      options[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  Writer(std::move(options)).work_until_end();
  return 0;
}
