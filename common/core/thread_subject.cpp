#include "common/core/thread_subject.h"

namespace understudy {
namespace {

thread_local SharedSubject current;

}  // namespace

const SharedSubject& thread_subject() {
  return current;
}

ThreadSubject::ThreadSubject(SharedSubject subject)
    : former_(std::exchange(current, std::move(subject))) {}

ThreadSubject::~ThreadSubject() {
  current = std::move(former_);
}

}  // namespace understudy
