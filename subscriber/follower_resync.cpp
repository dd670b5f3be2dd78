// Follower: resync, the exchange of page hashes and pages. docs/ARCHITECTURE.md, "Resync".
#include "subscriber/follower_resync.h"

#include "subscriber/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace understudy {

using follow::Severity;

std::int64_t Resync::next_deadline_us() const {
  if (phase == Phase::outline) return retry_at;
  auto at = std::numeric_limits<std::int64_t>::max();
  for (const auto& [first, group] : groups) {
    const bool timed =
        group.phase == ResyncGroup::Phase::asking || group.phase == ResyncGroup::Phase::waiting;
    if (timed) at = std::min(at, group.retry_at);
  }
  return at;
}

void Follower::start_resync(ResyncLog log, std::string reason) {
  report(Severity::notice, fmt::format("resync: {}", reason));
  resync_.emplace();
  resync_->log = log;
  resync_->reason = std::move(reason);
  resync_->retry_at = now_;
  if (log == ResyncLog::reset_keep_orphans) applied_.reset();  // it may show orphans
  advance_resync();
}

void Follower::advance_resync() {
  if (!resync_ || link_ != Link::welcomed) return;
  if (resync_->phase == Resync::Phase::draining && is_drained()) {
    resync_->phase = Resync::Phase::outline;
  }
  switch (resync_->phase) {
    case Resync::Phase::draining:
      return;
    case Resync::Phase::outline:
      return request_outline();
    case Resync::Phase::staging:
      return request_groups();
    case Resync::Phase::finishing:
      return finish_stage();
  }
}

// A log that is to be forgotten may hold records that were acknowledged and that no other node has:
// a replica that still can show them does so first. (A diverged log is put aside instead.)
bool Follower::is_drained() const {
  if (resync_->log != ResyncLog::reset || !applied_ || !has_log_) return true;
  return applied_->seq >= chain_.last.seq;
}

void Follower::request_outline() {
  if (now_ < resync_->retry_at) return;
  resync_->retry_at = now_ + kOutlineLimit_us;
  send(message::OutlineRequest{});
}

void Follower::handle(message::Outline& outline) {
  const bool waiting = resync_ && resync_->phase == Resync::Phase::outline;
  if (!waiting || link_ != Link::welcomed) return;
  // With the log kept, all records from the outlined state on must be in it, or come behind it.
  const bool usable =
      outline.available && (resync_->log != ResyncLog::keep || outline.position.seq >= base_.seq);
  if (!usable) {
    resync_->retry_at = now_ + kGroupRetry_us;
    return;
  }
  // An epoch that was opened since the welcome: the history that the log is to begin with has it
  // only after another one.
  const bool knows_epoch =
      resync_->log == ResyncLog::keep || up_to(server_history_, outline.position).has_value();
  if (!knows_epoch) return greet();
  begin_stage({outline.position, outline.page_size, outline.page_count});
}

void Follower::begin_stage(const StateOutline& outline) {
  auto& resync = *resync_;
  resync.phase = Resync::Phase::staging;
  resync.outline = outline;
  resync.max_as_of = outline.position.seq;
  resync.group_pages = std::max<PageNo>(1, static_cast<PageNo>(limits_.group / outline.page_size));
  actions_.emplace_back(follow::BeginResync{stream_, outline});
  if (resync.log != ResyncLog::keep) {
    applied_.reset();  // not in the history of the log that begins now
    reset_log(outline.position, up_to(server_history_, outline.position).value(),
              resync.log == ResyncLog::reset_keep_orphans);
  }
  fetch_if_behind();
  request_groups();
}

void Follower::request_groups() {
  auto& resync = *resync_;
  for (auto& [first, group] : resync.groups) {
    const bool timed =
        group.phase == ResyncGroup::Phase::asking || group.phase == ResyncGroup::Phase::waiting;
    if (timed && now_ >= group.retry_at) ask_group(first, group);
  }
  while (resync.groups.size() < kGroupsOutstanding &&
         resync.next_first <= resync.outline.page_count) {
    const PageNo left = resync.outline.page_count - resync.next_first + 1;
    const PageNo count = std::min(resync.group_pages, left);
    resync.groups[resync.next_first].count = count;
    actions_.emplace_back(follow::HashGroup{resync.next_first, count});
    resync.next_first += count;
  }
  if (resync.groups.empty()) {
    resync.phase = Resync::Phase::finishing;
    finish_stage();
  }
}

void Follower::on_hashes(PageNo first, std::vector<PageHash> known) {
  if (!resync_ || resync_->phase != Resync::Phase::staging) return;
  const auto found = resync_->groups.find(first);
  if (found == resync_->groups.end()) return;
  auto& group = found->second;
  if (group.phase != ResyncGroup::Phase::hashing) return;
  group.known = std::move(known);
  group.known.resize(std::min<std::size_t>(group.known.size(), group.count));
  group.phase = ResyncGroup::Phase::waiting;
  group.retry_at = now_;
  if (link_ == Link::welcomed) ask_group(first, group);
}

void Follower::ask_group(PageNo first, ResyncGroup& group) {
  group.phase = ResyncGroup::Phase::asking;
  group.request_id = next_request_id_++;
  group.retry_at = now_ + kGroupLimit_us;
  send(message::PagesRequest{group.request_id, first, group.count, group.known});
}

// After a reconnect: what was asked for is forgotten on the other side.
void Follower::resume_groups() {
  for (auto& [first, group] : resync_->groups) {
    if (group.phase == ResyncGroup::Phase::asking) group.retry_at = now_;
  }
  advance_resync();
}

void Follower::handle(message::Pages& pages) {
  if (!resync_ || resync_->phase != Resync::Phase::staging) return;
  auto& groups = resync_->groups;
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& entry) {
    return entry.second.phase == ResyncGroup::Phase::asking &&
           entry.second.request_id == pages.request_id;
  });
  if (found == groups.end()) return;  // asked again since
  auto& [first, group] = *found;
  // A state from before the outline cannot be brought forward with the records that we keep.
  const bool usable = pages.available && pages.as_of.seq >= resync_->outline.position.seq;
  if (!usable) {
    group.phase = ResyncGroup::Phase::waiting;
    group.retry_at = now_ + kGroupRetry_us;
    return;
  }
  if (pages.page_size != resync_->outline.page_size || pages.first != first ||
      pages.count != group.count) {
    return start_resync(ResyncLog::keep,
                        fmt::format("{} answers for other pages than asked for", server_name_));
  }
  group.phase = ResyncGroup::Phase::storing;
  group.known.clear();
  resync_->max_as_of = std::max(resync_->max_as_of, pages.as_of.seq);
  actions_.emplace_back(
      follow::StoreGroup{{pages.as_of, pages.page_size, pages.page_count, pages.first, pages.count,
                          std::move(pages.pages), std::move(pages.contents)}});
}

void Follower::on_group_stored(PageNo first) {
  if (!resync_ || resync_->phase != Resync::Phase::staging) return;
  const auto found = resync_->groups.find(first);
  if (found == resync_->groups.end() || found->second.phase != ResyncGroup::Phase::storing) return;
  resync_->groups.erase(found);
  advance_resync();
}

void Follower::finish_stage() {
  const bool log_is_there = carried_out_ >= reset_ticket_;
  if (resync_->finish_asked || !log_is_there || durable_.seq < resync_->max_as_of) return;
  resync_->finish_asked = true;
  actions_.emplace_back(follow::FinishResync{resync_->max_as_of});
}

void Follower::on_resync_finished(const Position& position) {
  if (!resync_ || !resync_->finish_asked) return;
  report(Severity::notice, fmt::format("resync done at {}", position.to_string()));
  resync_.reset();
  applied_ = position;
  catch_up_target_ = chain_.last.seq;
  ack_due_ = true;
  update_state();
  acknowledge();
}

void Follower::on_resync_failed(std::string reason) {
  if (!resync_ || resync_->phase < Resync::Phase::staging) return;
  report(Severity::warning, fmt::format("resync did not end in a right state: {}", reason));
  start_resync(ResyncLog::keep, "once more");
}

}  // namespace understudy
