#include "takeover/hook.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

extern char** environ;

namespace understudy {
namespace {

// What opens our doors is no business of a hook, nor of what it starts.
constexpr std::array<std::string_view, 2> kSecrets = {"UNDERSTUDY_HTTP_TOKEN",
                                                      "UNDERSTUDY_LEASE_PASSWORD"};

// Ours, and what the process's own environment has beside, but for secrets. No name twice: which of
// two counts is a different matter for getenv (the first) and for shells (the last).
std::vector<std::string> environment_of(const Environment& extra) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : extra) texts.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    const bool is_ours =
        std::ranges::any_of(extra, [name](const auto& each) { return each.first == name; });
    const bool is_secret = std::ranges::find(kSecrets, name) != kSecrets.end();
    if (!is_ours && !is_secret) texts.emplace_back(text);
  }
  return texts;
}

// The process id; or −1 with errno set.
pid_t start(const std::string& command, const Environment& extra) {
  auto texts = environment_of(extra);
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string line = command;
  char* arguments[] = {shell.data(), flag.data(), line.data(), nullptr};

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, "/bin/sh", nullptr, &attributes, arguments, pointers.data());
  posix_spawnattr_destroy(&attributes);
  errno = error;
  return error == 0 ? pid : -1;
}

// False: not in time.
bool await(pid_t pid, std::chrono::milliseconds limit, int& status) {
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (descriptor >= 0) {
    pollfd ended{descriptor, POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&ended, 1, static_cast<int>(limit.count()));
    } while (ready < 0 && errno == EINTR);
    ::close(descriptor);
    if (ready == 0) return false;
  }
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return true;
}

}  // namespace

HookResult run_hook(const std::string& command, const Environment& environment,
                    std::chrono::milliseconds limit) {
  const pid_t pid = start(command, environment);
  if (pid < 0) return {false, fmt::format("cannot be started: {}", std::strerror(errno))};
  int status = 0;
  if (!await(pid, limit, status)) {
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return {false, fmt::format("killed after {} ms", limit.count())};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {true, {}};
  if (WIFEXITED(status)) return {false, fmt::format("exit code {}", WEXITSTATUS(status))};
  return {false, fmt::format("ended by signal {}", WTERMSIG(status))};
}

}  // namespace understudy
