#include "common/transport/link.h"

#include "common/core/clock.h"

#include <utility>

namespace understudy {

using namespace zmq_calls;

namespace {

constexpr std::int64_t kAgainAfter_us = 1'000'000;
constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

}  // namespace

Link::Link(const Network& network, zmq::socket_type type, std::string address, std::string endpoint,
           bool is_to_feed)
    : security_(network.security()),
      address_(std::move(address)),
      endpoint_(std::move(endpoint)),
      is_to_feed_(is_to_feed),
      watched_(network, type, kEvents) {}

void Link::open() {
  version_ = security_->version();
  again_at_us_ = 0;
  if (!security_->is_open()) {
    const auto key = security_->key_at(endpoint_, is_to_feed_);
    key_ = key.value_or("");
    if (!key) {
      return note(is_to_feed_ ? "no entry of --peer-keys with this endpoint may feed"
                              : "no entry of --peer-keys has this endpoint");
    }
    watched_.demand_key(key_, *security_);
  }
  socket().connect(address_);
  is_open_ = true;
}

void Link::reopen() {
  if (is_open_) {
    is_open_ = false;
    // ENOENT: ZeroMQ has let go of it by itself.
    if (::zmq_disconnect(socket().handle(), address_.c_str()) != 0 && errno != ENOENT) {
      throw zmq::error_t();
    }
  }
  open();
}

void Link::look() {
  guarded("watch a connection", [&] {
    watched_.look([this](auto event, auto value) { take_event(event, value); });
    if (again_at_us_ != 0 && monotonic_time_us() >= again_at_us_) reopen();
    if (!security_->is_open() && version_ != security_->version()) {
      version_ = security_->version();
      if (security_->key_at(endpoint_, is_to_feed_).value_or("") != key_) reopen();
    }
    return true;
  });
}

void Link::take_event(std::uint16_t event, std::uint32_t value) {
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
    if (security_->is_open()) return;  // it is starting, or ending; ZeroMQ tries again
    return note(
        "it ends the handshake: it has another key than --peer-keys say, or takes no more "
        "connections");
  }
  again_at_us_ = monotonic_time_us() + kAgainAfter_us;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    return note(fmt::format("it refuses this node's key {}: add it to the --peer-keys there",
                            security_->own().public_key));
  }
  if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
    return note(security_->is_open()
                    ? "it demands keys: start this node with --key-file and --peer-keys"
                    : "it has no keys, and this node talks encrypted only: start it there with "
                      "--key-file and --peer-keys");
  }
  note("what answers there does not speak ZeroMQ as it should");
}

void Link::note(std::string text) {
  const auto times = repeated_.came(text, monotonic_time_us());
  if (times) trouble_ = LinkTrouble{endpoint_, std::move(text), *times};
}

}  // namespace understudy
