// The commit page between processes: a reader sees whole states only, whoever is killed when, and a
// wait ends when what it waits for is announced.
#include "common/commit_page/commit_page.h"

#include "common/commit_page/page_view.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstring>
#include <thread>

using namespace understudy;
using namespace understudy::commit_page;

namespace {

// Every word of it says `number`, but for those that the page fills in.
State state_of(std::uint64_t number) {
  State state;
  std::uint64_t words[kStateWords];
  for (auto& word : words) word = number;
  std::memcpy(&state, words, sizeof state);
  return state;
}

bool is_whole(const State& state) {
  auto expected = state_of(state.role);
  expected.heartbeat_ns = state.heartbeat_ns;
  expected.boot[0] = state.boot[0];
  expected.boot[1] = state.boot[1];
  return std::memcmp(&expected, &state, sizeof state) == 0;
}

// In a process of its own, until it is killed.
pid_t start_writer(const std::string& path) {
  const auto child = fork();
  if (child != 0) return child;
  CommitPage page(path);
  for (std::uint64_t number = 1;; ++number) page.publish(state_of(number));
}

void kill_and_reap(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

}  // namespace

TEST_CASE("a reader in another process never sees half a state") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPage(path).publish(state_of(0));
  const auto writer = start_writer(path);
  CommitPageView view;
  REQUIRE(view.open_page(path.c_str()));
  std::uint64_t last = 0, changes = 0;
  bool whole = true, in_order = true;
  const auto deadline = now_ns() + 20'000'000'000;
  while (changes < 5000 && now_ns() < deadline) {
    State state;
    if (!view.read(state)) continue;  // the writer never rests; it may outrun us
    whole = whole && is_whole(state);
    in_order = in_order && state.role >= last;
    changes += state.role != last ? 1 : 0;
    last = state.role;
  }
  kill_and_reap(writer);
  CHECK(whole);
  CHECK(in_order);
  CHECK(changes == 5000);
}

TEST_CASE("a writer that is killed at any moment leaves a page that the next one can use") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPage(path).publish(state_of(0));
  CommitPageView view;
  REQUIRE(view.open_page(path.c_str()));
  for (int round = 0; round < 50; ++round) {
    const auto writer = start_writer(path);
    State state;
    const auto deadline = now_ns() + 10'000'000'000;
    while ((!view.read(state) || state.role < 100) && now_ns() < deadline) sched_yield();
    kill_and_reap(writer);
    if (view.read(state)) CHECK(is_whole(state));  // else it died in the middle, and we know
    CommitPage next(path);
    next.publish(state_of(7));
    REQUIRE(view.read(state));
    CHECK(state.role == 7);
    CHECK(is_whole(state));
    next.publish(state_of(0));
  }
}

TEST_CASE("a half-written state is not read, and is healed by the next one") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPage page(path);
  page.publish(state_of(3));
  const int file = open(path.c_str(), O_RDWR);
  std::uint32_t odd = 5;
  REQUIRE(pwrite(file, &odd, sizeof odd, offsetof(Page, sequence)) == sizeof odd);
  close(file);
  CommitPageView view;
  REQUIRE(view.open_page(path.c_str()));
  State state;
  CHECK_FALSE(view.read(state));
  page.publish(state_of(4));
  REQUIRE(view.read(state));
  CHECK(state.role == 4);
}

TEST_CASE("a wait ends when what it waits for is announced, and not by another announcement") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPage page(path);
  page.publish(state_of(1));
  CommitPageView view;
  REQUIRE(view.open_page(path.c_str()));
  const auto seen = view.signal(kReplicatedAdvanced);
  page.announce(kDurableAdvanced);
  CHECK(view.signal(kReplicatedAdvanced) == seen);
  std::thread writer([&page] { page.announce(kReplicatedAdvanced); });
  while (view.signal(kReplicatedAdvanced) == seen) {
    view.wait(kReplicatedAdvanced, seen, 10'000'000'000);  // a lost wake-up shows as a slow test
  }
  writer.join();
  const auto before = now_ns();
  view.wait(kReplicatedAdvanced, seen, 10'000'000'000);  // is over already
  CHECK(now_ns() - before < 5'000'000'000);
}

TEST_CASE("an application that waits is noticed, once, even before anybody listens") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPage page(path);
  page.publish(state_of(1));
  CommitPageView view;
  REQUIRE(view.open_page(path.c_str()));
  CHECK_FALSE(page.wait_for_commit(std::chrono::microseconds(1)));
  view.wake_capture();
  CHECK(page.wait_for_commit(std::chrono::seconds(10)));
  CHECK_FALSE(page.wait_for_commit(std::chrono::microseconds(1)));
}

TEST_CASE("what is no page of this version is refused, and what was open stays") {
  const test::TemporaryDirectory folder;
  const auto good = folder.file("commit-page");
  CommitPage page(good);
  page.publish(state_of(1));
  CommitPageView view;
  REQUIRE(view.open_page(good.c_str()));
  CHECK_FALSE(view.open_page(folder.file("none").c_str()));
  const auto write = [&](const char* name, const void* bytes, std::size_t size) {
    const auto path = folder.file(name);
    const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    CHECK(pwrite(file, bytes, size, 0) == static_cast<ssize_t>(size));
    close(file);
    return path;
  };
  char zeros[kSize] = {};
  CHECK_FALSE(view.open_page(write("zeros", zeros, kSize).c_str()));
  CHECK_FALSE(view.open_page(write("short", &kMagic, sizeof kMagic).c_str()));
  std::memcpy(zeros, &kMagic, sizeof kMagic);
  const auto later = kVersion + 1;
  std::memcpy(zeros + 8, &later, sizeof later);
  CHECK_FALSE(view.open_page(write("later", zeros, kSize).c_str()));
  State state;
  CHECK(view.read(state));
  CHECK(state.role == 1);
}

TEST_CASE("a page is the same file after a restart, and another one is noticed") {
  const test::TemporaryDirectory folder;
  const auto path = folder.file("commit-page");
  CommitPageView view;
  {
    CommitPage first(path);
    first.publish(state_of(1));
    REQUIRE(view.open_page(path.c_str()));
  }
  State state;
  CommitPage(path).publish(state_of(2));
  REQUIRE(view.read(state));
  CHECK(state.role == 2);
  REQUIRE(unlink(path.c_str()) == 0);
  CommitPage(path).publish(state_of(3));
  REQUIRE(view.read(state));
  CHECK(state.role == 2);
  REQUIRE(view.open_page(path.c_str()));
  REQUIRE(view.read(state));
  CHECK(state.role == 3);
}

TEST_CASE("an earlier generation is covered by any later prefix, an unknown one by none") {
  State state{};
  state.ring[0] = {0xaaaa, 1};
  state.ring[1] = {0xbbbb, 2};
  CHECK(generation_of(state, 0xbbbb) == 2);
  CHECK(generation_of(state, 0) == 0);
  const Prefix prefix{2, 10, 5};
  CHECK(covers(prefix, 1, 1000));
  CHECK(covers(prefix, 2, 10));
  CHECK_FALSE(covers(prefix, 2, 11));
  CHECK_FALSE(covers(prefix, 3, 0));
  CHECK_FALSE(covers(prefix, 0, 0));
  CHECK_FALSE(covers(Prefix{}, 0, 0));
  CHECK_FALSE(covers(Prefix{}, 1, 0));
}
