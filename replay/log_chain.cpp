// Reading the joined log; how it is joined: log_join.cpp.
#include "replay/log_chain.h"

#include "common/core/assert.h"
#include "common/core/errors.h"
#include "common/record/batch_cut.h"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {

LogChain::~LogChain() = default;

Position LogChain::run_base(std::size_t run) const {
  return runs_[run].front().base;
}

Position LogChain::run_last(std::size_t run) const {
  return runs_[run].back().last;
}

bool LogChain::select(Seq seq) {
  for (std::size_t run = 0; run < runs_.size(); ++run) {
    if (run_base(run).seq > seq || seq > run_last(run).seq) continue;
    selected_ = run;
    return true;
  }
  return false;
}

void LogChain::select_run(std::size_t run) {
  US_ASSERT(run < runs_.size(), "a run of this chain");
  selected_ = run;
}

LogBounds LogChain::bounds() {
  const auto& run = runs_[selected_];
  LogBounds bounds{.base = run.front().base,
                   .last = run.back().last,
                   .next = {run.back().last.seq + 1, 0},
                   .oldest_time_us = sources_[run.front().source].log->bounds().oldest_time_us};
  for (const auto& piece : run) bounds.bytes += sources_[piece.source].log->bounds().bytes;
  return bounds;
}

History LogChain::history() {
  return up_to(history_, runs_[selected_].back().last).value_or(history_);
}

// The first piece that reaches so far: each ends behind the one before it.
const LogChain::Stretch* LogChain::piece_of(const Run& run, Seq seq) {
  const auto found =
      std::ranges::lower_bound(run, seq, {}, [](const Stretch& piece) { return piece.last.seq; });
  return found == run.end() || seq < run.front().base.seq ? nullptr : &*found;
}

std::vector<Bytes> LogChain::read(PartKey from, std::size_t max_bytes) {
  const auto& run = runs_[selected_];
  const auto* piece = piece_of(run, from.seq);
  if (piece == nullptr || from.seq <= run.front().base.seq) return {};
  auto blobs = sources_[piece->source].log->read(from, max_bytes);
  std::vector<Bytes> kept;
  for (auto& blob : blobs) {
    const auto batch = BatchView::parse(blob);
    if (!batch) damaged(*piece, from.seq);
    const auto& header = batch->header;
    if (header.first.seq > piece->last.seq) break;
    if (header.last.seq <= piece->last.seq) {
      kept.push_back(std::move(blob));
      continue;
    }
    auto cut = cut_batch(*batch, header.first, piece->last.seq);
    if (!cut) damaged(*piece, header.first.seq);
    kept.push_back(std::move(*cut));
    break;
  }
  return kept;
}

std::optional<Position> LogChain::position_at(Seq seq) {
  return position_in(runs_[selected_], seq);
}

std::optional<Position> LogChain::position_in(const Run& run, Seq seq) {
  const auto* piece = piece_of(run, seq);
  if (piece == nullptr) return std::nullopt;
  return position_in(*piece, seq);
}

Position LogChain::position_in(const Stretch& stretch, Seq seq) {
  if (seq == stretch.base.seq) return stretch.base;
  if (seq == stretch.last.seq) return stretch.last;
  const auto position = sources_[stretch.source].log->position_at(seq);
  if (!position) damaged(stretch, seq);
  return *position;
}

void LogChain::damaged(const Stretch& piece, Seq seq) const {
  throw CorruptionError(
      fmt::format("{}: record {} is damaged, or was dropped while it was being read",
                  sources_[piece.source].name, seq));
}

}  // namespace understudy
