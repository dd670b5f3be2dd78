// Reading the replica's pages for others: resync answers.
#include "common/core/assert.h"
#include "common/record/page_hash.h"
#include "common/replica/replica.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr std::size_t kAnswerLimit = 4 * 1024 * 1024;

}  // namespace

void Replica::read_committed_page(PageNo page, std::span<std::byte> out) {
  appender_.read_committed(page, out);
}

StateOutline Replica::outline() const {
  return {position_, page_size(), page_count()};
}

std::optional<PageAnswer> Replica::read_group(const PageRequest& request) {
  US_ASSERT(located_, "without a position there is nothing to answer from");
  PageAnswer answer;
  answer.as_of = position_;
  answer.page_size = page_size();
  answer.page_count = page_count();
  answer.first = std::max<PageNo>(1, request.first);
  answer.count = std::min<PageNo>(request.count, kAnswerLimit / page_size());
  const std::uint64_t end = std::min<std::uint64_t>(std::uint64_t{answer.first} + answer.count,
                                                    std::uint64_t{answer.page_count} + 1);
  const bool table_is_ahead = has_pending();
  for (std::uint64_t at = answer.first; at < end; ++at) {
    const auto page = static_cast<PageNo>(at);
    if (page == lock_byte_page(page_size())) continue;
    const auto index = page - answer.first;
    const auto known = index < request.known.size() ? request.known[index] : 0;
    if (!table_is_ahead && known != 0 && known == hashes_.get(page)) continue;
    read_committed_page(page, page_);
    const auto hash = hash_page(page, page_);
    if (!table_is_ahead && hash != hashes_.get(page)) return std::nullopt;
    if (known != 0 && known == hash) continue;
    answer.pages.push_back(page);
    answer.contents.insert(answer.contents.end(), page_.begin(), page_.end());
  }
  return answer;
}

}  // namespace understudy
