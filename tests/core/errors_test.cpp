// What an error says, and how it is told from others.
#include "common/core/errors.h"

#include "common/core/assert.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace understudy {
namespace {

bool aborts(bool expression) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
    std::signal(SIGABRT, SIG_DFL);
    US_ASSERT(expression, "the test says so");
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST_CASE("an IoError names deed, file and reason") {
  const IoError error("write", "/data/a", ENOSPC);
  CHECK(std::string(error.what()) == "cannot write /data/a: No space left on device");
  CHECK(error.is_disk_full());
  CHECK_FALSE(IoError("write", "/data/a", EIO).is_disk_full());
  CHECK(std::string(IoError("find the VFS", "x", 0).what()) == "cannot find the VFS x");
}

TEST_CASE("an SqliteError knows busy and full by its primary code") {
  CHECK(SqliteError("read", "a.db", 5, "database is locked").is_busy());
  CHECK(SqliteError("read", "a.db", 5 | (2 << 8), "snapshot").is_busy());
  CHECK(SqliteError("write", "a.db", 13, "full").is_disk_full());
  CHECK_FALSE(SqliteError("write", "a.db", 10, "disk I/O error").is_disk_full());
  CHECK_FALSE(SqliteError("write", "a.db", 10, "disk I/O error").is_busy());
}

TEST_CASE("assertions stay on in release builds") {
  CHECK(aborts(false));
  CHECK_FALSE(aborts(true));
}

}  // namespace
}  // namespace understudy
