#include "replay/archive_chain.h"

#include "common/core/clock.h"
#include "common/core/errors.h"

#include <fmt/format.h>

#include <utility>

namespace understudy {
namespace {

constexpr std::int64_t kLookEvery_us = 2'000'000;

}  // namespace

ArchiveChain::ArchiveChain(std::string path) : path_(std::move(path)) {
  open();
}

void ArchiveChain::open() {
  auto chain = std::make_unique<LogChain>(open_log_sources({path_}).logs);
  if (chain->is_empty()) {
    throw ConfigError(fmt::format("there is no record in the archive {} yet", path_));
  }
  chain_ = std::move(chain);
  opened_at_us_ = monotonic_time_us();
}

bool ArchiveChain::select(Seq seq) {
  if (!chain_->select(seq)) return false;
  is_newest_ = chain_->bounds().last == chain_->run_last(chain_->run_count() - 1);
  return true;
}

void ArchiveChain::select_time(std::int64_t time_us) {
  for (auto run = chain_->run_count(); run-- > 0;) {
    chain_->select_run(run);
    if (chain_->bounds().oldest_time_us <= time_us) break;
  }
  is_newest_ = chain_->bounds().last == chain_->run_last(chain_->run_count() - 1);
}

LogBounds ArchiveChain::bounds() {
  if (is_newest_ && monotonic_time_us() - opened_at_us_ >= kLookEvery_us) open();
  return chain_->bounds();
}

std::vector<Bytes> ArchiveChain::read(PartKey from, std::size_t max_bytes) {
  return chain_->read(from, max_bytes);
}

std::optional<Position> ArchiveChain::position_at(Seq seq) {
  return chain_->position_at(seq);
}

History ArchiveChain::history() {
  return chain_->history();
}

}  // namespace understudy
