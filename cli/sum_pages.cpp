#include "cli/sum_pages.h"

#include "common/record/page_hash.h"

namespace understudy {
namespace {

constexpr PageNo kPagesBetweenLooks = 64;

}  // namespace

std::optional<StateSum> sum_pages(PinnedState& pinned, const wal::Cursor& at,
                                  const std::string& what, Progress& progress) {
  const auto count = pinned.page_count(at);
  const auto page_size = pinned.page_size();
  progress.begin(what, std::uint64_t{count} * page_size, ProgressUnit::bytes);
  Bytes content(page_size);
  StateSum sum = 0;
  for (PageNo page = 1; page <= count && page != 0; ++page) {
    if (page % kPagesBetweenLooks == 0) {
      if (pinned.has_waiter()) return std::nullopt;
      progress.advance(std::uint64_t{page} * page_size);
    }
    if (page == lock_byte_page(page_size)) continue;
    pinned.read_page(page, at.frame, content);
    sum += hash_page(page, content);
  }
  progress.end();
  return sum;
}

}  // namespace understudy
