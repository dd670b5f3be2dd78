#include "tests/wal_tail/follower.h"

#include "common/core/hash.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdio>
#include <sstream>

extern char** environ;

namespace understudy::test {
namespace {

void sleep_us(long us) {
  const timespec duration{0, us * 1000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
}

}  // namespace

WriterProcess::WriterProcess(const std::vector<std::string>& arguments) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> argv{const_cast<char*>(WAL_WRITER)};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  REQUIRE(::posix_spawn(&pid_, WAL_WRITER, &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  output_ = ends[0];
}

WriterProcess::~WriterProcess() {
  kill();
  ::close(output_);
}

bool WriterProcess::is_running() {
  if (pid_ < 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

void WriterProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void WriterProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

std::map<std::string, std::string> WriterProcess::report() {
  char buffer[512];
  ssize_t got = 0;
  while ((got = ::read(output_, buffer, sizeof buffer)) > 0) {
    text_.append(buffer, static_cast<std::size_t>(got));
  }
  std::map<std::string, std::string> values;
  std::istringstream words(text_);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals != word.npos) values[word.substr(0, equals)] = word.substr(equals + 1);
  }
  INFO(text_);
  REQUIRE(!values.contains("error"));
  return values;
}

Follower::Follower(const std::string& path, TailOptions options)
    : database(path), tail(database, options) {
  ::prctl(PR_SET_TIMERSLACK, 1);
  resumed = tail.attach(std::nullopt);
  last_ = tail.cursor();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!tail.reads_are_exact()) {
    REQUIRE(tail.poll(*this) != TailResult::lost);
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
  for (PageNo page = 1; page <= tail.page_count(); ++page) {
    Bytes content(database.page_size());
    database.read_page(page, tail.cursor().frame, content);
    pages_[page] = std::move(content);
  }
}

Follower::Follower(const std::string& path, const Follower& former, TailOptions options)
    : database(path), tail(database, options), pages_(former.pages_) {
  resumed = tail.attach(former.tail.cursor());
  last_ = tail.cursor();
}

void Follower::on_frame(const TailFrame& frame) {
  const bool follows = frame.cursor.salts == last_.salts && frame.number == last_.frame + 1;
  REQUIRE((follows || frame.number == 1));
  last_ = frame.cursor;
  check_former(frame);
  pending_[frame.page] = Bytes(frame.content.begin(), frame.content.end());
  if (frame.page_count_after == 0) return;
  for (auto& [page, content] : pending_) pages_[page] = std::move(content);
  pending_.clear();
  pages_.erase(pages_.upper_bound(frame.page_count_after), pages_.end());
  ++commits;
  if (logs_states_) log_states();
}

void Follower::check_former(const TailFrame& frame) {
  if (!frame.former_is_exact || !checks_reads) return;
  const auto& former = pending_.contains(frame.page) ? pending_ : pages_;
  const auto known = former.find(frame.page);
  if (known == former.end()) return;
  Bytes content(database.page_size());
  database.read_page(frame.page, frame.number - 1, content);
  ++exact_formers;
  REQUIRE(content == known->second);
}

void Follower::log_states() {
  logs_states_ = true;
  const auto whole = image();
  states_.push_back(XXH3_64bits(whole.data(), whole.size()));
}

bool Follower::step() {
  const auto result = tail.poll(*this);
  if (result == TailResult::lost) return false;
  if (checks_reads && tail.reads_are_exact()) check_a_read();
  if (result != TailResult::urgent) sleep_us(200);
  return true;
}

void Follower::require_step() {
  if (step()) return;
  FAIL("lost: ", std::string(tail.status().lost_because), " in state ",
       std::string(tail.status().state));
}

void Follower::check_a_read() {
  const auto page = static_cast<PageNo>(1 + next_page_++ % tail.page_count());
  if (!pages_.contains(page)) return;
  Bytes content(database.page_size());
  database.read_page(page, tail.cursor().frame, content);
  ++exact_reads;
  REQUIRE(content == pages_.at(page));
}

void Follower::follow_while(WriterProcess& writer) {
  while (writer.is_running()) require_step();
  catch_up();
}

void Follower::catch_up() {
  for (int quiet = 0; quiet < 20;) {
    const auto before = tail.cursor();
    require_step();
    quiet = before == tail.cursor() ? quiet + 1 : 0;
  }
}

Bytes Follower::image() const {
  Bytes whole;
  PageNo expected = 1;
  for (const auto& [page, content] : pages_) {
    REQUIRE(page == expected++);
    whole.insert(whole.end(), content.begin(), content.end());
  }
  return whole;
}

void make_database(const std::string& path, int page_size) {
  Connection connection(path, Connection::Mode::create, 5000);
  connection.execute(fmt::format("PRAGMA page_size={}", page_size));
  connection.execute("PRAGMA journal_mode=WAL");
  connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB)");
  connection.execute("CREATE INDEX ta ON t(a)");
}

Bytes image_of(const std::string& path) {
  Connection connection(path, Connection::Mode::read_write, 5000);
  REQUIRE(connection.query_text("PRAGMA integrity_check") == "ok");
  sqlite3_int64 size = 0;
  auto* image = sqlite3_serialize(connection.handle(), "main", &size, 0);
  REQUIRE(image != nullptr);
  const auto* begin = reinterpret_cast<const std::byte*>(image);
  Bytes bytes(begin, begin + size);
  sqlite3_free(image);
  return bytes;
}

std::vector<std::uint64_t> read_log(const std::string& path) {
  std::vector<std::uint64_t> states;
  if (auto* file = std::fopen(path.c_str(), "rb")) {
    std::uint64_t state = 0;
    while (std::fread(&state, sizeof state, 1, file) == 1) states.push_back(state);
    std::fclose(file);
  }
  return states;
}

std::vector<std::uint64_t> distinct(const std::vector<std::uint64_t>& states) {
  std::vector<std::uint64_t> result;
  for (const auto state : states) {
    if (result.empty() || result.back() != state) result.push_back(state);
  }
  return result;
}

}  // namespace understudy::test
