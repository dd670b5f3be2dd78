// Hooks: what they are told, and that they cannot hold a takeover up for ever.
#include "takeover/hook.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

namespace understudy::test {

using std::chrono::milliseconds;

TEST_CASE("a hook's exit code is its verdict") {
  CHECK(run_hook("true", {}, milliseconds(5000)).ok);
  const auto failed = run_hook("exit 3", {}, milliseconds(5000));
  CHECK_FALSE(failed.ok);
  CHECK(failed.text == "exit code 3");
  CHECK_FALSE(run_hook("kill -9 $$", {}, milliseconds(5000)).ok);
  CHECK_FALSE(run_hook("no-such-command-anywhere 2>/dev/null", {}, milliseconds(5000)).ok);
}

TEST_CASE("a hook sees what it is told, before the same names of the process") {
  ::setenv("UNDERSTUDY_NODE", "somebody else", 1);
  const Environment told = {{"UNDERSTUDY_NODE", "db 2"}, {"UNDERSTUDY_EPOCH", "7"}};
  CHECK(run_hook("test \"$UNDERSTUDY_NODE $UNDERSTUDY_EPOCH\" = 'db 2 7' && test -n \"$PATH\"",
                 told, milliseconds(5000))
            .ok);
  ::unsetenv("UNDERSTUDY_NODE");
}

TEST_CASE("a hook is not told the secrets of the process") {
  ::setenv("UNDERSTUDY_LEASE_PASSWORD", "one", 1);
  ::setenv("UNDERSTUDY_HTTP_TOKEN", "two", 1);
  ::setenv("UNDERSTUDY_OTHER", "three", 1);
  CHECK(
      run_hook("test \"$UNDERSTUDY_LEASE_PASSWORD$UNDERSTUDY_HTTP_TOKEN$UNDERSTUDY_OTHER\" = three",
               {}, milliseconds(5000))
          .ok);
  for (const char* name :
       {"UNDERSTUDY_LEASE_PASSWORD", "UNDERSTUDY_HTTP_TOKEN", "UNDERSTUDY_OTHER"}) {
    ::unsetenv(name);
  }
}

TEST_CASE("beyond the limit the hook and all that it started are killed") {
  char name[] = "/tmp/understudy-hook-XXXXXX";
  ::close(::mkstemp(name));
  const auto begin = std::chrono::steady_clock::now();
  const auto result =
      run_hook(std::string("sleep 60 & echo $! > ") + name + "; wait", {}, milliseconds(300));
  CHECK_FALSE(result.ok);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  pid_t child = 0;
  std::ifstream(name) >> child;
  REQUIRE(child > 0);
  bool is_gone = false;
  for (int i = 0; i < 1000 && !is_gone; ++i) {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string pid, command, state;
    is_gone = !(stat >> pid >> command >> state) || state == "Z";
    if (!is_gone) ::usleep(1000);
  }
  CHECK(is_gone);
  ::unlink(name);
}

}  // namespace understudy::test
