#include "replay/log_stats.h"

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kHour_s = 3600;

void add_to(LogSum& sum, const LogSum& more) {
  sum.records += more.records;
  sum.changes += more.changes;
  sum.bytes += more.bytes;
}

}  // namespace

LogStats::LogStats(const PageOwners* owners)
    : owners_(owners), tables_(owners ? owners->count() : 0), last_seq_(tables_.size(), 0) {}

void LogStats::add(const RecordPart& part) {
  for (const auto& change : part.changes) {
    ++record_.changes;
    record_.bytes += change.body.size();
    if (owners_ == nullptr) continue;
    const auto index = owners_->index_of(change.page);
    auto& table = tables_[index];
    table.records += std::exchange(last_seq_[index], part.header.seq) == part.header.seq ? 0 : 1;
    ++table.changes;
    table.bytes += change.body.size();
  }
  if (!part.header.last) return;
  record_.records = 1;
  const auto hour = part.header.time_us / 1'000'000 / kHour_s * kHour_s;
  add_to(hours_[hour], record_);
  add_to(total_, std::exchange(record_, {}));
}

std::vector<LogStats::TableSum> LogStats::by_table() const {
  std::vector<TableSum> sums;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (tables_[i].changes != 0) sums.push_back({owners_->name(i), tables_[i]});
  }
  std::ranges::stable_sort(sums, std::ranges::greater(),
                           [](const TableSum& each) { return each.sum.bytes; });
  return sums;
}

}  // namespace understudy
