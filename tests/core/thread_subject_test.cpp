// ThreadSubject: whose work a thread does is handed on to the threads that it makes, and to no
// others.
#include "common/core/thread_subject.h"

#include <doctest/doctest.h>

namespace understudy {
namespace {

SharedSubject make(const char* name) {
  return std::make_shared<const std::string>(name);
}

TEST_CASE("ThreadSubject: ends with its scope, and gives back the former one") {
  CHECK(thread_subject() == nullptr);
  {
    const ThreadSubject outer(make("a.db"));
    CHECK(*thread_subject() == "a.db");
    {
      const ThreadSubject inner(make("b.db"));
      CHECK(*thread_subject() == "b.db");
    }
    CHECK(*thread_subject() == "a.db");
  }
  CHECK(thread_subject() == nullptr);
}

TEST_CASE("start_thread: hands the maker's subject on, over any number of threads") {
  std::string seen, seen_without;
  {
    const ThreadSubject of(make("a.db"));
    start_thread([&seen] { start_thread([&seen] { seen = *thread_subject(); }).join(); }).join();
    std::thread([&seen_without] {
      seen_without = thread_subject() ? *thread_subject() : "nobody's";
    }).join();
  }
  CHECK(seen == "a.db");
  CHECK(seen_without == "nobody's");  // a thread that was made in another way does not know
  start_thread([&seen] { seen = thread_subject() ? *thread_subject() : "nobody's"; }).join();
  CHECK(seen == "nobody's");
}

}  // namespace
}  // namespace understudy
