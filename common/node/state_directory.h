// StateDirectory: where a node keeps what it must not lose, `DB-understudy/` beside the database
// by default. This class knows the names in it and makes the folder; docs/OPERATING.md lists them.
//
// StateLock keeps a second instance out of it. Invariant: whoever writes into a state directory
// holds its lock (flock on `lock`, dropped by the kernel when the process ends, however it ends).
#pragma once

#include <string>

namespace understudy {

class StateDirectory {
 public:
  // Names the folder only; nothing is read or made.
  explicit StateDirectory(std::string path);
  // `database` with "-understudy" behind it.
  static std::string default_path(const std::string& database);

  [[nodiscard]] bool exists() const;
  // Makes the folder with mode 0700 (its parent must exist). Durable from its return. Throws
  // IoError; ConfigError when something else is there under that name or others may write to it.
  void create() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string backend() const { return path_ + "/backend.db"; }
  [[nodiscard]] std::string page_hashes() const { return path_ + "/page-hashes"; }
  [[nodiscard]] std::string applied() const { return path_ + "/applied"; }
  [[nodiscard]] std::string resync_stage() const { return path_ + "/resync-stage"; }
  [[nodiscard]] std::string lock() const { return path_ + "/lock"; }
  [[nodiscard]] std::string snapshots() const { return path_ + "/snapshots"; }
  [[nodiscard]] std::string identity() const { return path_ + "/node.json"; }
  [[nodiscard]] std::string commit_page() const { return path_ + "/commit-page"; }
  [[nodiscard]] std::string control_socket() const { return path_ + "/control.sock"; }

 private:
  std::string path_;
};

class StateLock {
 public:
  // Takes the lock. Throws ConfigError "… already running as pid N" when another process has it.
  explicit StateLock(const StateDirectory& directory);
  ~StateLock();
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace understudy
