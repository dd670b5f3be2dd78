#include "common/snapshot/take_snapshot.h"

#include "common/backend/log_walk.h"
#include "common/core/clock.h"
#include "common/core/errors.h"
#include "common/record/page_hash.h"
#include "common/snapshot/page_asker.h"
#include "common/snapshot/snapshot_proof.h"
#include "common/snapshot/snapshot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace understudy {
namespace {

using Why = SnapshotDropped::Why;

constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::size_t kReadBytes = 2 * 1024 * 1024;

class Taking {
 public:
  Taking(PageSource& pages, LogReader& log, const SnapshotTask& task)
      : log_(log), task_(task), asker_(pages) {}

  std::variant<SnapshotEntry, SnapshotDropped> run();

 private:
  [[noreturn]] static void drop(Why why, std::string text) {
    throw SnapshotDropped{why, std::move(text)};
  }
  void begin();
  void copy_pages();
  void add_group(const PageAnswer& answer, PageNo first, PageNo count);
  [[nodiscard]] PageAnswer answer_of(PageNo first, PageNo count);
  void check(const PageAnswer& answer, PageNo first, PageNo count) const;
  void await_log();
  void copy_records();
  void take_batch(const Bytes& blob);
  void find_time();
  [[nodiscard]] SnapshotEntry finish();
  void check_cancelled() const {
    if (task_.is_cancelled()) drop(Why::cancelled, "given up");
  }

  LogReader& log_;
  const SnapshotTask& task_;
  PageAsker asker_;
  SnapshotHeader header_;
  SnapshotFooter footer_;
  PageNo block_pages_ = 0;
  PageNo pages_ = 0;  // to be copied
  PartKey next_;      // part that the next batch must begin with or hold
  std::optional<SnapshotProof> proof_;
  std::optional<SnapshotWriter> writer_;
  Bytes contents_;
  Bytes raw_;
  RecordPart part_;
};

std::variant<SnapshotEntry, SnapshotDropped> Taking::run() {
  try {
    begin();
    copy_pages();
    await_log();
    copy_records();
    return finish();
  } catch (SnapshotDropped& dropped) {
    return std::move(dropped);
  }
}

// The first answer tells how large the database is, and from where on records are needed.
void Taking::begin() {
  header_.stream = task_.stream;
  header_.begun_us = unix_time_us();
  asker_.ask(1, 1);
  const auto answer = answer_of(1, 1);
  header_.page_size = answer.page_size;
  pages_ = answer.page_count;
  block_pages_ = snapshot_format::pages_per_block(header_.page_size);
  footer_.first_as_of = answer.as_of.seq;
  footer_.position = answer.as_of;
  footer_.page_count = answer.page_count;
  task_.began(footer_.first_as_of);
  proof_.emplace(header_.page_size, block_pages_, footer_.first_as_of);
  writer_.emplace(task_.partial, header_, task_.vfs);
}

// The next group is asked for before this one is written: the source reads while we compress.
void Taking::copy_pages() {
  const auto count_at = [&](std::uint64_t first) {
    return static_cast<PageNo>(std::min<std::uint64_t>(block_pages_, pages_ + 1 - first));
  };
  const auto total = std::uint64_t{pages_} * header_.page_size;
  asker_.ask(1, count_at(1));
  for (std::uint64_t first = 1; first <= pages_; first += block_pages_) {
    const auto count = count_at(first);
    const auto answer = answer_of(static_cast<PageNo>(first), count);
    const auto next = first + count;
    if (next <= pages_) asker_.ask(static_cast<PageNo>(next), count_at(next));
    add_group(answer, static_cast<PageNo>(first), count);
    task_.progress((next - 1) * header_.page_size, total);
  }
}

PageAnswer Taking::answer_of(PageNo first, PageNo count) {
  const auto deadline_us = monotonic_time_us() + task_.patience.count() * 1000;
  for (;;) {
    check_cancelled();
    if (auto answer = asker_.await(kLookEvery)) {
      check(*answer, first, count);
      return std::move(*answer);
    }
    if (monotonic_time_us() > deadline_us) {
      drop(Why::not_now,
           "the database has no state that can be read now (a scan, repair or resync)");
    }
    if (!asker_.is_refused()) continue;
    std::this_thread::sleep_for(kLookEvery);
    asker_.ask(first, count);
  }
}

void Taking::check(const PageAnswer& answer, PageNo first, PageNo count) const {
  if (header_.page_size == 0) return;
  if (answer.page_size != header_.page_size) {
    drop(Why::overtaken, "the page size of the database changed meanwhile");
  }
  if (answer.as_of.seq < footer_.position.seq || answer.as_of.epoch < footer_.position.epoch) {
    drop(Why::overtaken, fmt::format("the database went back from {} to {} meanwhile",
                                     footer_.position.to_string(), answer.as_of.to_string()));
  }
  if (answer.first != first || answer.count != count ||
      answer.contents.size() != answer.pages.size() * std::size_t{header_.page_size}) {
    drop(Why::proved_wrong, fmt::format("pages from {} on were answered with others", first));
  }
}

void Taking::add_group(const PageAnswer& answer, PageNo first, PageNo count) {
  contents_.assign(std::size_t{count} * header_.page_size, std::byte{0});
  for (std::size_t i = 0; i < answer.pages.size(); ++i) {
    const auto index = answer.pages[i] - first;
    if (index >= count) drop(Why::proved_wrong, "a page was answered that was not asked for");
    std::copy_n(
        answer.contents.begin() + static_cast<std::ptrdiff_t>(i * header_.page_size),
        header_.page_size,
        contents_.begin() + static_cast<std::ptrdiff_t>(std::size_t{index} * header_.page_size));
  }
  proof_->add_block(answer.as_of.seq, first, contents_, answer.page_count);
  writer_->add_pages(answer.as_of.seq, first, contents_);
  footer_.position = answer.as_of;
  footer_.page_count = answer.page_count;
}

// The pages may be ahead of what is durable in the log, and then the log of them.
void Taking::await_log() {
  const auto deadline_us = monotonic_time_us() + task_.patience.count() * 1000;
  while (log_.bounds().last.seq < footer_.position.seq) {
    check_cancelled();
    if (monotonic_time_us() > deadline_us) {
      drop(Why::not_now, fmt::format("record {} does not become durable", footer_.position.seq));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  const auto on_record = log_.position_at(footer_.position.seq);
  if (on_record && *on_record == footer_.position) return;
  if (!on_record && log_.bounds().base.seq > footer_.position.seq) {
    drop(Why::overtaken,
         fmt::format("the log begins behind record {} by now", footer_.position.seq));
  }
  drop(Why::overtaken,
       fmt::format("the log holds another state {} than the pages are of", footer_.position.seq));
}

void Taking::copy_records() {
  next_ = {footer_.first_as_of + 1, 0};
  while (next_.seq <= footer_.position.seq) {
    const auto blobs = log_.read(next_, kReadBytes);
    if (blobs.empty()) {
      drop(Why::overtaken, fmt::format("record {} was trimmed before it was copied", next_.seq));
    }
    for (const auto& blob : blobs) {
      check_cancelled();
      if (next_.seq <= footer_.position.seq) take_batch(blob);
    }
  }
  find_time();
}

void Taking::take_batch(const Bytes& blob) {
  const auto damaged = [&] {
    throw CorruptionError(fmt::format("the batch with record {} is damaged", next_.seq));
  };
  const auto batch = BatchView::parse(blob);
  if (!batch || !batch->unpack(raw_)) return damaged();
  if (batch->header.first > next_ || batch->header.last < next_) return damaged();
  ByteView rest(raw_);
  while (!rest.empty()) {
    if (!decode_part(rest, part_)) return damaged();
    const auto& header = part_.header;
    if (header.seq <= footer_.first_as_of || header.seq > footer_.position.seq) continue;
    if (!proof_->add_part(part_)) {
      drop(Why::proved_wrong, fmt::format("record {} does not fit the pages", header.seq));
    }
    if (header.seq == footer_.position.seq) footer_.time_us = header.time_us;
  }
  next_ = batch->header.next();
  writer_->add_batch(blob);
}

// None was copied when nobody wrote: the log may still hold the record of the position.
void Taking::find_time() {
  const auto seq = footer_.position.seq;
  if (footer_.time_us == 0 && seq > 0) {
    (void)walk_log(log_, seq - 1, seq, [&](const RecordPart& part) {
      footer_.time_us = part.header.time_us;
      return true;
    });
  }
  if (footer_.time_us == 0) footer_.time_us = header_.begun_us;
}

SnapshotEntry Taking::finish() {
  if (!proof_->is_right(footer_.page_count, footer_.position.sum)) {
    drop(Why::proved_wrong, fmt::format("pages and records do not come to the state {}",
                                        footer_.position.to_string()));
  }
  const auto history = up_to(log_.history(), footer_.position);
  if (!history) drop(Why::overtaken, "the log was rewound meanwhile");
  footer_.history = *history;
  const auto path = task_.name(footer_.position);
  check_cancelled();
  if (!writer_->finish(footer_, path)) {
    drop(Why::name_taken, fmt::format("there is a file {} already", path));
  }
  return {path, header_, footer_, writer_->bytes()};
}

}  // namespace

std::variant<SnapshotEntry, SnapshotDropped> take_snapshot(PageSource& pages, LogReader& log,
                                                           const SnapshotTask& task) {
  return Taking(pages, log, task).run();
}

}  // namespace understudy
