// Gathering pages, group by group. Rolling records over them is in stage_complete.cpp.
#include "common/replica/stage.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy {
namespace {

constexpr std::size_t kGroupBytes = 1024 * 1024;

bool is_all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

Stage::Stage(const StageOptions& options, const StateOutline& outline, Replica* local)
    : options_(options),
      outline_(outline),
      local_(local),
      file_(std::make_unique<File>(path_in(options.state_dir), File::Mode::create, options.vfs)),
      write_behind_(std::make_unique<WriteBehind>(path_in(options.state_dir), options.vfs)),
      group_pages_(static_cast<PageNo>(kGroupBytes / outline.page_size)),
      hashes_(outline.page_size) {
  US_ASSERT(local == nullptr || local->page_size() == outline.page_size,
            "pages of different sizes cannot be compared");
  const auto groups = (std::uint64_t{outline.page_count} + group_pages_ - 1) / group_pages_;
  as_of_.assign(groups, kNotYet);
  take_over();
}

// Zeros are holes: a page that really is all zeros is only sent once more.
void Stage::take_over() {
  hashes_.resize(outline_.page_count);
  staged_.assign(outline_.page_count, false);
  const auto file_bytes = file_->size();
  Bytes content(page_size());
  for (PageNo page = 1; page <= outline_.page_count; ++page) {
    if (page == lock_byte_page(page_size())) continue;
    if (local_ != nullptr) hashes_.set(page, local_->hashes().get(page));
    if (offset_of(page) + page_size() > file_bytes) continue;
    if (file_->read(offset_of(page), content) != content.size() || is_all_zero(content)) continue;
    hashes_.set(page, hash_page(page, content));
    set_staged(page);
  }
}

bool Stage::is_staged(PageNo page) const {
  return page <= staged_.size() && staged_[page - 1];
}

void Stage::set_staged(PageNo page) {
  if (page > staged_.size()) staged_.resize(page);
  staged_[page - 1] = true;
}

PageNo Stage::group_size(PageNo group) const {
  return std::min(group_pages_, outline_.page_count - group * group_pages_);
}

PageRequest Stage::request(PageNo first, PageNo count) const {
  PageRequest request;
  request.first = first;
  request.count = count;
  for (PageNo i = 0; i < count; ++i) request.known.push_back(hashes_.get(first + i));
  while (!request.known.empty() && request.known.back() == 0) request.known.pop_back();
  return request;
}

bool Stage::fits(const PageAnswer& answer) const {
  if (answer.first == 0 || (answer.first - 1) % group_pages_ != 0) return false;
  const auto group = (answer.first - 1) / group_pages_;
  if (group >= group_count() || answer.count != group_size(group)) return false;
  if (answer.page_count == 0) return false;
  if (answer.as_of.seq < outline_.position.seq || answer.as_of.seq == kNotYet) return false;
  if (answer.contents.size() != answer.pages.size() * std::size_t{page_size()}) return false;
  PageNo before = answer.first - 1;
  for (const auto page : answer.pages) {
    if (page <= before || page - answer.first >= answer.count) return false;
    if (page > answer.page_count || page == lock_byte_page(page_size())) return false;
    before = page;
  }
  return true;
}

Stage::Put Stage::put(const PageAnswer& answer) {
  if (answer.page_size != page_size()) return Put::reshaped;
  if (!fits(answer)) return Put::refused;
  const auto group = (answer.first - 1) / group_pages_;
  // A second answer tells what differs from what we had before the first.
  if (is_done(group)) return Put::ignored;
  store_pages(answer);
  for (PageNo i = 0; i < answer.count; ++i) {
    const auto page = answer.first + i;
    if (page > answer.page_count && page <= hashes_.page_count()) hashes_.set(page, 0);
  }
  as_of_[group] = answer.as_of.seq;
  ++groups_done_;
  if (groups_done_ == 1 || answer.as_of.seq > latest_.seq) {
    latest_ = answer.as_of;
    page_count_ = answer.page_count;
  }
  return Put::accepted;
}

// Runs of neighbours in one write each.
void Stage::store_pages(const PageAnswer& answer) {
  const ByteView contents(answer.contents);
  for (std::size_t from = 0; from < answer.pages.size();) {
    auto to = from;
    do {
      const auto page = answer.pages[to];
      hashes_.set(page, hash_page(page, contents.subspan(to * page_size(), page_size())));
      set_staged(page);
      ++to;
    } while (to < answer.pages.size() && answer.pages[to] == answer.pages[to - 1] + 1);
    file_->write(offset_of(answer.pages[from]),
                 contents.subspan(from * page_size(), (to - from) * page_size()));
    from = to;
  }
  received_bytes_ += answer.contents.size();
  write_behind_->note_written(answer.contents.size());
}

void Stage::discard(const std::string& state_dir, const std::string& vfs) {
  File::remove(path_in(state_dir), vfs);
}

}  // namespace understudy
