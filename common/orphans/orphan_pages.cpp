#include "common/orphans/orphan_pages.h"

#include "common/backend/log_walk.h"
#include "common/core/errors.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

// Table page, one content at a time.
class PageTable {
 public:
  explicit PageTable(Connection& connection)
      : insert_(connection.prepare("INSERT INTO page VALUES (?1, ?2, ?3, ?4)")),
        set_(connection.prepare("UPDATE page SET content = ?2 WHERE pgno = ?1")),
        get_(connection.prepare("SELECT content FROM page WHERE pgno = ?1")) {}

  void insert(PageNo page, Seq seq, PageHash hash, const ByteView* content) {
    insert_.bind(1, std::int64_t{page}).bind(2, as_signed(seq)).bind(3, as_signed(hash));
    content != nullptr ? insert_.bind(4, *content) : insert_.bind_null(4);
    insert_.run();
  }
  void set(PageNo page, const Bytes& content) {
    set_.bind(1, std::int64_t{page});
    content.empty() ? set_.bind_null(2) : set_.bind(2, ByteView(content));
    set_.run();
  }
  // Empty: unknown.
  void get(PageNo page, Bytes& content) {
    content.clear();
    get_.bind(1, std::int64_t{page});
    if (get_.step()) {
      const auto blob = get_.blob(0);
      content.assign(blob.begin(), blob.end());
    }
    get_.reset();
  }

 private:
  Statement insert_;
  Statement set_;
  Statement get_;
};

// The content after the change, or nothing where that cannot be told.
void advance(Bytes& content, const PageChange& change, std::uint32_t page_size) {
  bool is_known = true;
  if (change.encoding == PageEncoding::whole) {
    content.assign(change.body.begin(), change.body.end());
  } else {
    is_known = content.size() == page_size && apply_delta(content, change.body);
  }
  if (!is_known || hash_page(change.page, content) != change.hash) content.clear();
}

}  // namespace

const char* to_text(RecordKind kind) {
  switch (kind) {
    case RecordKind::transaction:
      return "transaction";
    case RecordKind::repair:
      return "repair";
    case RecordKind::epoch:
      return "epoch";
  }
  return "?";
}

const RecordSummary* RecordSummer::add(const RecordPart& part) {
  const auto& header = part.header;
  if (header.part == 0) {
    summary_ = {.seq = header.seq, .epoch = header.epoch, .kind = header.kind, .pages = {}};
  }
  for (const auto& change : part.changes) {
    summary_.bytes += change.body.size();
    summary_.pages.push_back(change.page);
  }
  if (!header.last) return nullptr;
  summary_.time_us = header.time_us;
  std::ranges::sort(summary_.pages);
  const auto repeated = std::ranges::unique(summary_.pages);
  summary_.pages.erase(repeated.begin(), repeated.end());
  return &summary_;
}

OrphanPages::OrphanPages(Connection& connection, LogReader& log, Seq after, Seq until)
    : connection_(connection), log_(log), after_(after), until_(until) {}

void OrphanPages::walk(const std::function<void(const RecordPart&)>& visit) {
  const auto walked = walk_log(log_, after_, until_, [&](const RecordPart& part) {
    visit(part);
    return true;
  });
  if (walked != LogWalk::complete) {
    throw CorruptionError(
        fmt::format("records {} to {} are not whole in the log", after_ + 1, until_));
  }
}

void OrphanPages::add_records() {
  auto insert = connection_.prepare("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  RecordSummer summer;
  walk([&](const RecordPart& part) {
    for (const auto& change : part.changes) {
      changed_[change.page] = {part.header.seq, change.hash};
    }
    page_size_ = part.header.page_size;
    const auto* record = summer.add(part);
    if (record == nullptr) return;
    page_count_ = part.header.page_count;
    insert.bind(1, as_signed(record->seq))
        .bind(2, as_signed(record->epoch))
        .bind(3, std::string_view(to_text(record->kind)))
        .bind(4, record->time_us)
        .bind(5, as_signed(record->pages.size()))
        .bind(6, as_signed(record->bytes))
        .run();
  });
}

// Pages that the last record cut off the database's end are left out: nobody can read them.
void OrphanPages::add_contents(const std::function<bool(PageNo, std::span<std::byte>)>& read_page) {
  PageTable table(connection_);
  std::set<PageNo> missing;
  Bytes content(page_size_);
  for (const auto& [page, change] : changed_) {
    if (page > page_count_) break;
    const ByteView view = content;
    const bool is_known =
        read_page && read_page(page, content) && hash_page(page, content) == change.hash;
    table.insert(page, change.seq, change.hash, is_known ? &view : nullptr);
    if (!is_known) missing.insert(page);
  }
  if (!missing.empty()) build_from_records(missing);
}

void OrphanPages::build_from_records(const std::set<PageNo>& missing) {
  PageTable table(connection_);
  Bytes content;
  walk([&](const RecordPart& part) {
    for (const auto& change : part.changes) {
      if (!missing.contains(change.page)) continue;
      table.get(change.page, content);
      advance(content, change, part.header.page_size);
      table.set(change.page, content);
    }
  });
}

}  // namespace understudy
