// ThreadSubject: whose work a thread does, where one process runs the nodes of several databases
// (cli/running_nodes.h). What it says in the log then names the database.
//
// Every thread of the product is made by start_thread(), which hands the maker's subject on; so a
// node's thread, and all that it makes, have the node's. tests/architecture proves that there is
// no other maker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace understudy {

using SharedSubject = std::shared_ptr<const std::string>;

// Of the calling thread; null: there is only one, so it needs no name.
[[nodiscard]] const SharedSubject& thread_subject();

// Of the calling thread, until it is destroyed.
class ThreadSubject {
 public:
  explicit ThreadSubject(SharedSubject subject);
  ~ThreadSubject();
  ThreadSubject(const ThreadSubject&) = delete;
  ThreadSubject& operator=(const ThreadSubject&) = delete;

 private:
  SharedSubject former_;
};

template <typename Work>
[[nodiscard]] std::thread start_thread(Work work) {
  return std::thread([subject = thread_subject(), work = std::move(work)]() mutable {
    const ThreadSubject of(std::move(subject));
    work();
  });
}

}  // namespace understudy
