#include "replay/log_check.h"

#include "common/core/errors.h"
#include "common/record/record.h"
#include "common/snapshot/snapshot.h"
#include "common/snapshot/snapshot_proof.h"

#include <fmt/format.h>

#include <limits>
#include <optional>

namespace understudy {
namespace {

// --- a log ---

class LogCheck {
 public:
  LogCheck(LogReader& log, const StreamId& stream, const std::function<void(Seq)>& progress,
           const std::function<bool()>& is_cancelled)
      : log_(log), stream_(stream), progress_(progress), is_cancelled_(is_cancelled) {}

  LogProof run() {
    const auto bounds = log_.bounds();
    proof_.base = bounds.base;
    proof_.last = bounds.last;
    last_ = bounds.last.seq;
    next_ = {bounds.base.seq + 1, 0};
    sum_ = bounds.base.sum;
    epoch_ = bounds.base.epoch;
    while (next_.seq <= last_ && proof_.is_complete) {
      step();
      progress_(next_.seq - 1);
      proof_.is_complete = !is_cancelled_();
    }
    const bool is_broken = proof_.is_complete && sum_ && *sum_ != bounds.last.sum;
    if (is_broken) note({last_, last_, "the log does not end in the state that it names"});
    return std::move(proof_);
  }

 private:
  void step() {
    std::string why;
    const auto blob = read(next_, why);
    if (!blob) return skip(why);
    ++proof_.batches;
    proof_.bytes += blob->size();
    check(*blob);
  }

  // The batch that holds the part; nullopt: it is not to be had.
  std::optional<Bytes> read(PartKey key, std::string& why) {
    try {
      auto blobs = log_.read(key, 1);
      if (!blobs.empty()) return std::move(blobs.front());
      why = fmt::format("there is no record {}", key.seq);
    } catch (const CorruptionError& error) {
      why = error.what();
    }
    return std::nullopt;
  }

  // To the first record behind that can be read.
  void skip(const std::string& why) {
    const auto from = next_.seq;
    std::string ignored;
    do {
      next_ = {next_.seq + 1, 0};
    } while (next_.seq <= last_ && !is_cancelled_() && !read(next_, ignored));
    note({from, next_.seq - 1, why});
    sum_.reset();
  }

  void check(ByteView blob) {
    const auto batch = BatchView::parse(blob);
    if (!batch || !batch->unpack(raw_)) return fail(next_.seq, "its batch does not unpack");
    if (batch->header.stream != stream_) return fail(next_.seq, "it is of another stream");
    for (ByteView rest(raw_); !rest.empty();) {
      if (!decode_part(rest, part_)) return fail(next_.seq, "it does not decode");
      const PartKey key{part_.header.seq, part_.header.part};
      if (key < next_) continue;
      if (key != next_) return fail(next_.seq, "another one stands in its place");
      check(part_.header);
    }
  }

  void check(const PartHeader& header) {
    const auto seq = header.seq;
    if (header.part == 0 && sum_ && header.sum_before != *sum_) {
      note({seq, seq,
            fmt::format("it starts from state {:016x}, and the one before it led to "
                        "{:016x}",
                        header.sum_before, *sum_)});
    }
    if (header.epoch < epoch_) note({seq, seq, "its epoch is lower than that of the one before"});
    epoch_ = header.epoch;
    next_ = header.last ? PartKey{seq + 1, 0} : PartKey{seq, header.part + 1};
    if (!header.last) return;
    sum_ = header.sum_after;
    if (seq <= last_) ++proof_.records;
  }

  void fail(Seq seq, const std::string& what) {
    note({seq, seq, what});
    sum_.reset();
    next_ = {seq + 1, 0};
  }

  void note(LogDamage damage) {
    if (proof_.damages.size() < kDamagesNamed) proof_.damages.push_back(std::move(damage));
  }

  LogReader& log_;
  const StreamId& stream_;
  const std::function<void(Seq)>& progress_;
  const std::function<bool()>& is_cancelled_;
  LogProof proof_;
  Seq last_ = 0;
  PartKey next_;
  std::optional<StateSum> sum_;  // of the state before next_; nullopt: behind a damage
  Epoch epoch_ = 0;
  Bytes raw_;
  RecordPart part_;
};

// --- a snapshot ---

std::optional<std::string> prove(SnapshotReader& reader) {
  const auto header = reader.header();
  const auto footer = reader.footer();
  std::optional<SnapshotProof> proof;
  const auto begin = [&](PageNo block_pages) {
    if (!proof) proof.emplace(header.page_size, block_pages, footer.first_as_of);
  };
  Bytes raw;
  RecordPart part;
  for (;;) {
    const auto frame = reader.next();
    if (const auto* damage = std::get_if<SnapshotDamage>(&frame)) {
      return fmt::format("at byte {}: {}", damage->offset, damage->what);
    }
    if (const auto* pages = std::get_if<SnapshotPages>(&frame)) {
      begin(pages->count);
      // Pages that were beyond the end are made by records behind, or dropped: all count until
      // then.
      constexpr auto kAll = std::numeric_limits<PageNo>::max();
      proof->add_block(pages->as_of, pages->first, pages->contents, kAll);
    } else if (const auto* batch = std::get_if<SnapshotBatch>(&frame)) {
      begin(1);
      const auto view = BatchView::parse(batch->blob);
      if (!view || !view->unpack(raw)) return "a batch of records does not unpack";
      for (ByteView rest(raw); !rest.empty();) {
        if (!decode_part(rest, part)) return "a record does not decode";
        const auto seq = part.header.seq;
        if (seq <= footer.first_as_of || seq > footer.position.seq) continue;
        if (!proof->add_part(part)) return fmt::format("record {} does not fit its pages", seq);
      }
    } else {
      break;
    }
  }
  begin(1);
  if (proof->is_right(footer.page_count, footer.position.sum)) return std::nullopt;
  return "its pages and records do not come to the state that it names";
}

}  // namespace

LogProof check_log(LogReader& log, const StreamId& stream, const std::function<void(Seq)>& progress,
                   const std::function<bool()>& is_cancelled) {
  return LogCheck(log, stream, progress, is_cancelled).run();
}

std::optional<std::string> check_snapshot(const std::string& path) {
  try {
    return prove(*open_snapshot(path));
  } catch (const CorruptionError& error) {
    return error.what();
  }
}

}  // namespace understudy
