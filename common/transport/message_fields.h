// The fields of each message, in order: the one list that writing and reading both use. Private to
// the room: the codec's (message.cpp).
#pragma once

#include "common/transport/message.h"

namespace understudy {

#define US_FIELDS(NAME, ...)         \
  template <typename A>              \
  void fields(A& a, NAME& m) {       \
    a(__VA_ARGS__);                  \
  }                                  \
  template <typename A>              \
  void fields(A& a, const NAME& m) { \
    a(__VA_ARGS__);                  \
  }
US_FIELDS(EpochStart, m.epoch, m.node, m.tenure, m.first_seq, m.sum, m.time_us, m.reason)
US_FIELDS(PeerReport, m.node, m.stream, m.process, m.role, m.state, m.epoch, m.tenure, m.position,
          m.applied, m.followed, m.is_fenced, m.takeover_id, m.declined_takeover_id,
          m.sync_standbys)
US_FIELDS(message::Hello, m.hello_id, m.node, m.stream, m.position, m.history)
US_FIELDS(message::Fetch, m.fetch_id, m.from, m.credit)
US_FIELDS(message::Credit, m.fetch_id, m.more)
US_FIELDS(message::Ack, m.received, m.durable, m.applied, m.state)
US_FIELDS(message::PagesRequest, m.request_id, m.first, m.count, m.known)
US_FIELDS(message::Probe, m.probe_id, m.report)
US_FIELDS(message::Command, m.command_id, m.kind, m.to, m.position, m.takeover_id, m.dry_run)
US_FIELDS(message::Welcome, m.hello_id, m.node, m.stream, m.instance, m.verdict, m.base, m.last,
          m.next, m.history, m.is_primary)
US_FIELDS(message::Batches, m.fetch_id, m.blobs)
US_FIELDS(message::FetchEnd, m.fetch_id, m.next)
US_FIELDS(message::Outline, m.available, m.position, m.page_size, m.page_count)
US_FIELDS(message::Pages, m.request_id, m.available, m.as_of, m.page_size, m.page_count, m.first,
          m.count, m.pages, m.contents)
US_FIELDS(message::Pong, m.last)
US_FIELDS(message::Refused, m.code, m.text)
US_FIELDS(message::ProbeReply, m.probe_id, m.report)
US_FIELDS(message::CommandReply, m.command_id, m.ok, m.text)
US_FIELDS(message::LiveBatch, m.blob)
US_FIELDS(message::Heartbeat, m.stream, m.instance, m.last, m.next, m.time_us)
#undef US_FIELDS
template <typename A>
void fields(A&, const message::OutlineRequest&) {}
template <typename A>
void fields(A&, const message::Ping&) {}
template <typename A>
void fields(A&, const message::OtherVersion&) {}

// How many elements a message, or a value nested in one, has.
struct Count {
  std::size_t fields = 0;
  template <typename... Fields>
  void operator()(const Fields&...) {
    fields = sizeof...(Fields);
  }
};

template <typename M>
[[nodiscard]] std::size_t field_count() {
  Count count;
  const M message;
  fields(count, message);
  return count.fields;
}

}  // namespace understudy
