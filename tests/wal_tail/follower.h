// What the tail says, put together again: a page map, the hash of each committed state, and the
// loop that polls beside a writer in another process.
#pragma once

#include "publisher/wal_tail.h"

#include <sys/types.h>

#include <map>
#include <string>

namespace understudy::test {

// A wal_writer process; killed when it is still there at the end.
class WriterProcess {
 public:
  explicit WriterProcess(const std::vector<std::string>& arguments);
  ~WriterProcess();
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  [[nodiscard]] bool is_running();
  void kill();
  void signal(int number) const;
  // Its report, key by key, once it has ended.
  std::map<std::string, std::string> report();
  double number(const std::string& key) { return std::stod(report().at(key)); }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string text_;
};

class Follower : public TailSink {
 public:
  // Attaches, and takes all pages as of then unless it goes on behind `resume`.
  explicit Follower(const std::string& path, TailOptions options = {});
  Follower(const std::string& path, const Follower& former, TailOptions options = {});

  void on_frame(const TailFrame& frame) override;

  // Keeps the hash of the state as of now and of each one that is committed.
  void log_states();

  // Polls and sleeps like the capture thread does. Returns false when lost.
  bool step();
  void require_step();
  void follow_while(WriterProcess& writer);
  // Polls on until nothing new has come for some time and the header is reached.
  void catch_up();

  [[nodiscard]] Bytes image() const;  // the database file as it should be
  [[nodiscard]] const std::vector<std::uint64_t>& states() const { return states_; }

  wal::RawDatabase database;
  WalTail tail;
  bool resumed = false;
  bool checks_reads = false;  // compares read_page() with the map whenever reads are exact
  long exact_reads = 0;
  long exact_formers = 0;
  long commits = 0;

 private:
  void check_a_read();
  void check_former(const TailFrame& frame);

  std::map<PageNo, Bytes> pages_;
  std::map<PageNo, Bytes> pending_;
  std::vector<std::uint64_t> states_;
  bool logs_states_ = false;
  wal::Cursor last_;
  unsigned next_page_ = 0;
};

// Makes a WAL database with the writer's table in it.
void make_database(const std::string& path, int page_size = 4096);
// The database as plain SQLite reads it.
Bytes image_of(const std::string& path);
std::vector<std::uint64_t> read_log(const std::string& path);
// Without repetitions of the one before: a commit may write what is there already.
std::vector<std::uint64_t> distinct(const std::vector<std::uint64_t>& states);

}  // namespace understudy::test
