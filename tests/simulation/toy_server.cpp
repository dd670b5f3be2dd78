#include "tests/simulation/toy_server.h"

#include "common/record/page_hash.h"

#include <fmt/format.h>

#include <utility>

namespace understudy::sim {

PageAnswer answer_from(const ToyPages& pages, const Position& position,
                       const PageRequest& request) {
  PageAnswer answer{position, kToyPageSize, pages.count(), request.first, request.count, {}, {}};
  for (PageNo i = 0; i < request.count; ++i) {
    const PageNo number = request.first + i;
    if (!pages.has(number)) break;
    if (i < request.known.size() && request.known[i] == pages.hash(number)) continue;
    answer.pages.push_back(number);
    const auto& content = pages.page(number);
    answer.contents.insert(answer.contents.end(), content.begin(), content.end());
  }
  return answer;
}

ToyServer::ToyServer(Events& events, Chance& chance, ToyNetwork& network, std::size_t index,
                     const std::optional<ToyLog>& log, PageSource& pages, bool is_primary)
    : events_(events),
      chance_(chance),
      network_(network),
      index_(index),
      toy_log_(log),
      pages_(pages),
      reader_(log),
      log_{fmt::format("node-{}", index), {}, is_primary, chance.bits(), std::nullopt},
      peers_(log_, reader_) {
  network_.set_server(index_, this);
  every_heartbeat();
}

ToyServer::~ToyServer() {
  *alive_ = false;
  network_.set_server(index_, nullptr);
}

void ToyServer::later(std::int64_t delay_us, std::function<void()> f) {
  events_.in(delay_us, [alive = alive_, f = std::move(f)] {
    if (*alive) f();
  });
}

void ToyServer::advance(const std::vector<Bytes>& appended) {
  const auto bounds = toy_log_->bounds();
  log_.stream = toy_log_->stream();
  const bool rewound = log_.bounds && took_back(*log_.bounds, bounds);
  log_.bounds = bounds;
  if (rewound) log_.instance = chance_.bits();
  bool announce = appended.empty() || rewound;
  for (const auto& blob : appended) {
    const auto header = BatchView::parse(blob)->header;
    // Some are held to be too large, so that what is only announced is played, too.
    const bool fits = header.closed && header.first.part == 0 && !chance_.in_thousand(100);
    announce = announce || !fits;
    if (fits) network_.broadcast(index_, encode_message(message::LiveBatch{blob}));
  }
  peers_.for_each([&](const Bytes& identity, PeerSession& session) {
    rewound ? session.on_log_rewound() : session.on_log_advanced();
    carry_out(identity, session);
  });
  if (announce) heartbeat();
}

void ToyServer::on_request(const Bytes& identity, const Bytes& payload) {
  auto message = decode_message(payload);
  if (!message) throw Broken("a standby sent bytes that are no message");
  if (const auto* probe = std::get_if<message::Probe>(&*message)) {
    if (!cluster.on_probe) return;
    const message::ProbeReply reply{probe->probe_id, cluster.on_probe(probe->report)};
    network_.answer(identity, encode_message(reply));
    return;
  }
  if (const auto* command = std::get_if<message::Command>(&*message)) {
    if (cluster.on_command) cluster.on_command(*command);
    return;
  }
  auto* session = peers_.find(identity);
  if (!session && std::holds_alternative<message::Hello>(*message)) {
    session = peers_.add(identity, events_.now());
  }
  PeerSession stranger(log_, reader_, events_.now());
  if (!session) session = &stranger;
  const auto* ack = std::get_if<message::Ack>(&*message);
  if (ack && session->has_said_hello() && on_ack) on_ack(session->progress().name, *ack);
  session->on_message(std::move(*message), events_.now());
  carry_out(identity, *session);
}

void ToyServer::carry_out(const Bytes& identity, PeerSession& session) {
  for (auto& action : session.take_actions()) {
    if (const auto* send = std::get_if<PeerSession::Send>(&action)) {
      network_.answer(identity, encode_message(send->message));
    } else if (auto* ask = std::get_if<PeerSession::AskPages>(&action)) {
      auto deliver = [this, alive = alive_, identity,
                      id = ask->request_id](std::optional<PageAnswer> answer) {
        if (!*alive) return;
        auto* asker = peers_.find(identity);
        if (!asker) return;
        asker->on_pages(id, std::move(answer));
        carry_out(identity, *asker);
      };
      pages_.ask(std::move(ask->request), std::move(deliver));
    } else {
      session.on_outline(pages_.outline());
      carry_out(identity, session);
    }
  }
  if (session.has_more_to_send()) schedule_serve();
}

void ToyServer::schedule_serve() {
  if (std::exchange(serving_, true)) return;
  later(50, [this] { serve(); });
}

void ToyServer::serve() {
  serving_ = false;
  peers_.for_each([&](const Bytes& identity, PeerSession& session) {
    if (!session.has_more_to_send()) return;
    session.send_more();
    carry_out(identity, session);
  });
}

void ToyServer::heartbeat() {
  if (!log_.bounds) return;
  network_.broadcast(
      index_, encode_message(message::Heartbeat{log_.stream, log_.instance, log_.bounds->last,
                                                log_.bounds->next, events_.now()}));
}

void ToyServer::on_subscription() {
  heartbeat();
}

void ToyServer::every_heartbeat() {
  heartbeat();
  peers_.remove_expired(events_.now());
  later(250'000, [this] { every_heartbeat(); });
}

}  // namespace understudy::sim
