#include "common/serving/peer_session.h"

#include "common/core/assert.h"
#include "common/core/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

message::Pages not_now(std::uint64_t request_id) {
  message::Pages pages;
  pages.request_id = request_id;
  return pages;
}

}  // namespace

Verdict judge_hello(const message::Hello& hello, const ServedLog& log, const History& history,
                    const std::optional<Position>& at_same_seq) {
  if (!log.bounds) return Verdict::not_ready;
  if (!hello.stream.is_nil() && hello.stream != log.stream) return Verdict::other_stream;
  if (!hello.position || hello.stream.is_nil()) return Verdict::no_log;
  const auto& position = *hello.position;
  const auto relation = compare(history, hello.history);
  if (relation.forked) return Verdict::forked;
  if (position.epoch > log.bounds->last.epoch) return Verdict::stale_server;
  // Positions alone do not tell: two openings of an epoch leave the same state.
  if (!relation.is_related || position.seq > relation.common) return Verdict::diverged;
  if (position.seq > log.bounds->last.seq) {
    return log.is_primary ? Verdict::diverged : Verdict::ahead;
  }
  if (position.seq < log.bounds->base.seq) return Verdict::too_old;
  return at_same_seq == position ? Verdict::connects : Verdict::diverged;
}

bool took_back(const LogBounds& before, const LogBounds& now) {
  if (now.next < before.next || now.base.seq > before.last.seq) return true;
  return now.base.seq == before.last.seq && now.base != before.last;
}

PeerSession::PeerSession(const ServedLog& log, LogReader& reader, std::int64_t now_us)
    : log_(log), reader_(reader) {
  progress_.last_heard_us = now_us;
}

void PeerSession::on_message(Message message, std::int64_t now_us) {
  progress_.last_heard_us = now_us;
  std::visit([this](auto& m) { handle(m); }, message);
}

void PeerSession::handle(const message::Hello& hello) {
  // A Hello begins everything anew: what was asked for before is no longer waited for.
  fetch_.reset();
  pages_asked_.clear();
  held_pages_.clear();
  held_outline_.reset();
  progress_ = {.name = hello.node, .last_heard_us = progress_.last_heard_us};

  std::optional<Position> same;
  History history;
  if (log_.bounds) history = newest(reader_.history());
  if (log_.bounds && hello.position) same = reader_.position_at(hello.position->seq);
  auto verdict = judge_hello(hello, log_, history, same);
  // Trimmed between the bounds that we know and the look into the log.
  const bool within = hello.position && log_.bounds && hello.position->seq <= log_.bounds->last.seq;
  const auto relation = compare(history, hello.history);
  const bool shared = within && relation.is_related && hello.position->seq <= relation.common;
  if (verdict == Verdict::diverged && !same && shared) verdict = Verdict::too_old;
  welcomed_ = verdict == Verdict::connects || verdict == Verdict::no_log ||
              verdict == Verdict::too_old || verdict == Verdict::diverged;
  message::Welcome welcome{.hello_id = hello.hello_id,
                           .node = log_.node,
                           .stream = log_.stream,
                           .instance = log_.instance,
                           .verdict = verdict,
                           .base = {},
                           .last = {},
                           .next = {},
                           .history = std::move(history),
                           .is_primary = log_.is_primary};
  if (log_.bounds) {
    welcome.base = log_.bounds->base;
    welcome.last = log_.bounds->last;
    welcome.next = log_.bounds->next;
  }
  send(std::move(welcome));
}

void PeerSession::handle(const message::Fetch& fetch) {
  if (!welcomed_) return refuse(RefusalCode::hello_first, "say Hello first");
  if (fetch.from.seq <= log_.bounds->base.seq) {
    return refuse(RefusalCode::trimmed, fmt::format("record {} is gone: the log begins at {}",
                                                    fetch.from.seq, log_.bounds->first_seq()));
  }
  fetch_ = FetchState{fetch.fetch_id, fetch.from, std::min(fetch.credit, kCreditLimit)};
}

void PeerSession::handle(const message::Credit& credit) {
  if (!fetch_ || fetch_->id != credit.fetch_id) return;  // of a fetch that is over
  fetch_->credit = std::min(fetch_->credit + std::min(credit.more, kCreditLimit), kCreditLimit);
}

void PeerSession::handle(const message::Ack& ack) {
  if (!welcomed_) return refuse(RefusalCode::hello_first, "say Hello first");
  progress_.state = ack.state;
  progress_.received = ack.received;
  progress_.durable = ack.durable;
  progress_.applied = ack.applied;
}

void PeerSession::handle(const message::OutlineRequest&) {
  if (!welcomed_) return refuse(RefusalCode::hello_first, "say Hello first");
  actions_.emplace_back(AskOutline{});
}

void PeerSession::handle(message::PagesRequest& request) {
  if (!welcomed_) return refuse(RefusalCode::hello_first, "say Hello first");
  if (pages_asked_.size() + held_pages_.size() >= kPagesOutstanding) {
    return send(not_now(request.request_id));
  }
  pages_asked_.push_back(request.request_id);
  actions_.emplace_back(AskPages{
      request.request_id,
      {.first = request.first, .count = request.count, .known = std::move(request.known)}});
}

void PeerSession::handle(const message::Ping&) {
  if (!welcomed_) return refuse(RefusalCode::hello_first, "say Hello first");
  send(message::Pong{log_.bounds ? log_.bounds->last : Position{}});
}

void PeerSession::handle(const message::OtherVersion& other) {
  refuse(RefusalCode::other_protocol,
         fmt::format("node {} speaks protocol version {}, not {}: upgrade the older of the two",
                     log_.node, kProtocolVersion, other.version));
}

template <typename M>
void PeerSession::handle(const M&) {
  refuse(RefusalCode::bad_request, "only a server says that");
}

void PeerSession::on_outline(const std::optional<StateOutline>& outline) {
  if (outline && !is_durable(outline->position)) {
    held_outline_ = outline;
    return;
  }
  message::Outline answer;
  if (outline) answer = {true, outline->position, outline->page_size, outline->page_count};
  send(answer);
}

void PeerSession::on_pages(std::uint64_t request_id, std::optional<PageAnswer> answer) {
  const auto asked = std::find(pages_asked_.begin(), pages_asked_.end(), request_id);
  if (asked == pages_asked_.end()) return;  // from before the last Hello
  pages_asked_.erase(asked);
  message::Pages pages = not_now(request_id);
  if (answer) {
    pages = {.request_id = request_id,
             .available = true,
             .as_of = answer->as_of,
             .page_size = answer->page_size,
             .page_count = answer->page_count,
             .first = answer->first,
             .count = answer->count,
             .pages = std::move(answer->pages),
             .contents = std::move(answer->contents)};
  }
  if (answer && !is_durable(pages.as_of)) {
    held_pages_.push_back(std::move(pages));
  } else {
    send(std::move(pages));
  }
}

bool PeerSession::is_durable(const Position& position) const {
  return log_.bounds && position.seq <= log_.bounds->last.seq;
}

void PeerSession::on_log_advanced() {
  release_held_answers();
}

void PeerSession::release_held_answers() {
  if (held_outline_ && is_durable(held_outline_->position)) {
    on_outline(std::exchange(held_outline_, std::nullopt));
  }
  while (!held_pages_.empty() && is_durable(held_pages_.front().as_of)) {
    send(std::move(held_pages_.front()));
    held_pages_.pop_front();
  }
}

void PeerSession::on_log_rewound() {
  fetch_.reset();
  pages_asked_.clear();
  held_pages_.clear();
  held_outline_.reset();
  if (std::exchange(welcomed_, false)) {
    refuse(RefusalCode::hello_first, "the log took back an unfinished record");
  }
}

bool PeerSession::has_more_to_send() const {
  return fetch_ && fetch_->credit > 0;
}

void PeerSession::send_more() {
  US_ASSERT(fetch_, "only a fetch under way has more to send");
  auto blobs = reader_.read(fetch_->next, std::min<std::uint64_t>(kReadBytes, fetch_->credit));
  if (blobs.empty()) return end_fetch();
  if (blobs.size() > kBatchesLimit) blobs.resize(kBatchesLimit);
  const auto last = BatchView::parse(blobs.back());
  if (!last) throw CorruptionError("a batch read from the backend does not parse");
  if (const auto first = BatchView::parse(blobs.front());
      first && fetch_->next < first->header.first) {
    fetch_.reset();
    return refuse(RefusalCode::trimmed, "the log was trimmed meanwhile");
  }
  message::Batches batches{fetch_->id, std::move(blobs)};
  fetch_->next = last->header.next();
  fetch_->credit -= std::min(fetch_->credit, batches.cost());
  send(std::move(batches));
}

void PeerSession::end_fetch() {
  const auto fetch = *std::exchange(fetch_, std::nullopt);
  // Nothing there: at the end of the log, or behind a trim that our bounds do not show yet.
  const auto bounds = reader_.bounds();
  if (fetch.next.seq <= bounds.base.seq) {
    return refuse(RefusalCode::trimmed, "the log was trimmed meanwhile");
  }
  send(message::FetchEnd{fetch.id, fetch.next});
}

std::vector<PeerSession::Action> PeerSession::take_actions() {
  return std::exchange(actions_, {});
}

bool PeerSession::is_expired(std::int64_t now_us) const {
  return now_us - progress_.last_heard_us > kPeerSilenceLimit_us;
}

void PeerSession::send(Message message) {
  actions_.emplace_back(Send{std::move(message)});
}

void PeerSession::refuse(RefusalCode code, std::string text) {
  send(message::Refused{code, std::move(text)});
}

}  // namespace understudy
