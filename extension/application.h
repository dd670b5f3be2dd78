// Application: one connection of the application: its WAL hook, what it committed last, and how it
// waits for the node to say that this is safe.
//
// Invariants
//  - A COMMIT that answers SQLITE_OK under policy `wait` is covered by what the page shows as
//    replicated, or no standby is asked for.
//  - The automatic checkpoint that the hook displaced still happens, at the same moment.
//  - No wait is without an end, whoever dies.
//
// Used under the connection's mutex: by SQLite from the hook and from SQL functions.
#pragma once

#include "common/commit_page/page_view.h"
#include "extension/wal_position.h"

struct sqlite3;

namespace understudy::extension {

// What COMMIT answers when the transaction is committed here and the standbys have not got it: an
// extended code of SQLITE_WARNING (28). It must be none that programs answer by trying again, and
// its text, "warning message", is what they show who ask only after they reset the statement.
constexpr int kUnreplicated = 28 | (0x75 << 8);

enum class Outcome { reached, timed_out, interrupted, goes_on_alone, not_primary, never_ran };

class Application {
 public:
  // `page_path`: from sqlite3_malloc, owned from now on; null: this database has no node.
  Application(sqlite3* db, char* page_path);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  [[nodiscard]] bool has_node() const { return page_path_ != nullptr; }
  [[nodiscard]] bool open_page() { return page_.open_page(page_path_); }
  // Takes the connection's WAL hook, again if somebody took it away since. False: it was a hook of
  // the application, of which we cannot know what it did.
  bool take_hook();

  // All that this connection committed has its standbys. Does not heed the policy.
  Outcome wait_replicated(std::uint64_t timeout_ms);
  // `state` shows as durable here what this connection committed, or sees when it did not.
  Outcome wait_durable(std::uint64_t timeout_ms, commit_page::State& state);
  // A standby's readers see this seq of this epoch.
  Outcome wait_applied(std::uint64_t timeout_ms, std::uint64_t epoch, std::uint64_t seq,
                       commit_page::State& state);

  [[nodiscard]] bool read(commit_page::State& state);
  [[nodiscard]] bool is_alive(const commit_page::State& state) const;
  [[nodiscard]] bool has_committed() const { return has_committed_; }
  [[nodiscard]] bool covers_last_commit(const commit_page::Prefix& prefix,
                                        const commit_page::State& state);
  [[nodiscard]] const char* last_error() const { return last_error_; }
  [[nodiscard]] std::uint64_t unreplicated() const { return unreplicated_; }
  bool set_waits(bool waits);  // returns what it was
  [[nodiscard]] bool waits() const { return waits_; }

 private:
  static int on_commit(void* self, sqlite3* db, const char* schema, int frames);
  void note_commit(int frames);
  int wait_for_standbys();
  int fail(Outcome outcome, const commit_page::State& state);
  template <typename Reached>
  Outcome wait(commit_page::Signal signal, std::uint64_t timeout_ms, commit_page::State& state,
               Reached reached);

  sqlite3* db_;
  char* page_path_;
  commit_page::CommitPageView page_;
  std::uint64_t boot_[2];
  int autocheckpoint_ = 0;  // frames; 0: never
  bool has_hook_ = false;
  bool waits_ = true;

  bool has_committed_ = false;
  bool knows_target_ = false;
  WalPosition target_;  // covers all that this connection committed
  // Of the primary that this node was when it committed. A frame says nothing under another one:
  // what a promotion elsewhere left behind is undone, and other commits stand there now.
  std::uint64_t tenure_ = 0;
  bool went_on_alone_ = false;
  std::uint64_t unreplicated_ = 0;  // commits that returned without their standbys
  char last_error_[320] = "";
};

}  // namespace understudy::extension
