// A Follower driven by hand, and what a server would say to it.
#pragma once

#include "common/record/record.h"
#include "subscriber/follower.h"

#include <doctest/doctest.h>

namespace understudy {

inline StreamId stream_of(std::uint8_t fill) {
  StreamId id;
  id.bytes.fill(fill);
  return id;
}

// A batch of one whole record, seq, whose states sum up to their seq.
inline Bytes batch(Seq seq, StateSum before, Epoch epoch = 1) {
  BatchHeader header;
  header.stream = stream_of(1);
  header.epoch = epoch;
  header.first = header.last = {seq, 0};
  header.closed = true;
  header.records = 1;
  header.raw_bytes = 100;
  header.sum_before = before;
  header.sum_after = seq;
  return encode_batch(header, Bytes(100, static_cast<std::byte>(seq)));
}

inline LogBounds bounds_at(Seq base, Seq last) {
  LogBounds bounds;
  bounds.base = {1, base, base};
  bounds.last = {1, last, last};
  bounds.next = {last + 1, 0};
  return bounds;
}

// Epoch e (from 2 on) opens at seq openings[e - 2].
inline History history_of(std::vector<Seq> openings, std::uint64_t salt = 0) {
  History history = {{1, "first", 11, 1, 0, 0, ""}};
  for (const Seq seq : openings) {
    const Epoch epoch = history.back().epoch + 1;
    history.push_back({epoch, "opener", 11 * epoch + salt, seq, seq - 1, 0, ""});
  }
  return history;
}

// The record of `start`, as a batch; the state stays what it was.
inline Bytes opening_batch(const EpochStart& start) {
  PartHeader part;
  part.kind = RecordKind::epoch;
  part.epoch = start.epoch;
  part.seq = start.first_seq;
  part.last = true;
  part.page_size = 4096;
  part.page_count = 3;
  part.sum_before = part.sum_after = start.sum;
  PartBuilder builder;
  builder.open_epoch({start.node, start.tenure, start.reason});
  Bytes raw;
  builder.finish(part, raw);
  BatchHeader header;
  header.stream = stream_of(1);
  header.epoch = start.epoch;
  header.first = header.last = {start.first_seq, 0};
  header.closed = true;
  header.records = 1;
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  header.sum_before = header.sum_after = start.sum;
  return encode_batch(header, raw);
}

struct Driven {
  Follower follower;
  std::int64_t now = 1'000'000;
  std::vector<follow::Action> actions;

  explicit Driven(std::optional<Seq> last, std::vector<std::string> endpoints = {"a"})
      : Driven(start_of(last, std::move(endpoints))) {}
  explicit Driven(FollowerStart start) : follower(std::move(start)) { tick(0); }
  static FollowerStart start_of(std::optional<Seq> last, std::vector<std::string> endpoints) {
    FollowerStart start;
    start.node = "standby";
    start.endpoints = std::move(endpoints);
    if (last) {
      start.history = history_of({});
      start.stream = stream_of(1);
      start.log = bounds_at(0, *last);
      start.applied = start.log->last;
    }
    return start;
  }
  void collect() { actions = follower.take_actions(); }
  void tick(std::int64_t later) {
    now += later;
    follower.tick(now);
    collect();
  }
  void answer(Message message) {
    follower.on_message(std::move(message));
    collect();
  }
  void live(Message message) {
    follower.on_live(std::move(message));
    collect();
  }
  template <typename A>
  const A* action() const {
    for (const auto& each : actions) {
      if (const auto* found = std::get_if<A>(&each)) return found;
    }
    return nullptr;
  }
  template <typename M>
  const M* sent() const {
    for (const auto& each : actions) {
      const auto* send = std::get_if<follow::SendMessage>(&each);
      const auto* found = send ? std::get_if<M>(&send->message) : nullptr;
      if (found) return found;
    }
    return nullptr;
  }
  // Answers the Hello that is under way.
  void welcome(Verdict verdict, Seq server_last, Epoch epoch = 1, std::uint8_t stream = 1) {
    History history = history_of({});
    if (epoch > 1) history = follower.history();
    welcome(verdict, {epoch, server_last, server_last}, history, true, stream);
  }
  void welcome(Verdict verdict, const Position& last, const History& history,
               bool is_primary = true, std::uint8_t stream = 1,
               const std::string& node = "primary") {
    const auto* hello = sent<message::Hello>();
    REQUIRE(hello);
    answer(message::Welcome{hello->hello_id,
                            node,
                            stream_of(stream),
                            77,
                            verdict,
                            {1, 0, 0},
                            last,
                            {last.seq + 1, 0},
                            history,
                            is_primary});
  }
};

}  // namespace understudy
