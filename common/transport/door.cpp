#include "common/transport/door.h"

#include "common/core/clock.h"
#include "common/core/thread_subject.h"
#include "common/transport/key_pair.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace understudy {

using namespace zmq_calls;

namespace {

constexpr const char* kZapAddress = "inproc://zeromq.zap.01";
constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_MONITOR_STOPPED;
constexpr std::size_t kQuestionFrames = 7;
constexpr std::string_view kMappedV4 = "::ffff:";
constexpr const char* kUnknownHost = "an address that is gone";

std::string plain_address(std::string address) {
  if (address.starts_with(kMappedV4)) address.erase(0, kMappedV4.size());
  return address;
}

struct Caller {
  std::string host;  // empty: the connection has ended already
  std::string port;
  bool operator==(const Caller&) const = default;
};

Caller caller_of(int connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(connection, generic, &size) != 0) return {};
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(generic, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return {plain_address(host.data()), port.data()};
}

std::string describe(Denial kind) {
  switch (kind) {
    case Denial::wrong_server_key:
      return "it takes this node for one with another key: its --peer-keys name a wrong key for "
             "this endpoint";
    case Denial::garbage:
      return "what came is no ZeroMQ handshake";
    case Denial::given_up:
      return "it closed the connection before the handshake: a port scan, or a node without keys";
    case Denial::too_slow:
      return "its handshake did not come to an end in time";
    case Denial::too_many:
      return "too many connections; it is turned away";
    default:
      return "refused";
  }
}

}  // namespace

Door::Door(zmq::context_t& context, std::shared_ptr<Security> security)
    : context_(context),
      security_(std::move(security)),
      questions_(context, zmq::socket_type::rep) {
  questions_.set(zmq::sockopt::linger, 0);
  if (!security_->is_open()) questions_.bind(kZapAddress);
  thread_ = start_thread([this] {
    ::pthread_setname_np(::pthread_self(), "door");
    run();
  });
}

Door::~Door() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.wake();
  thread_.join();
}

// ZeroMQ's I/O thread waits where its events cannot be delivered: so the other end of the pair is
// there before the first one and after the last, and has no limit.
void Door::watch(zmq::socket_t& socket) {
  const auto address = fmt::format("inproc://door-{}", ++watch_count_);
  if (::zmq_socket_monitor(socket.handle(), address.c_str(), kEvents) != 0) throw zmq::error_t();
  zmq::socket_t events(context_, zmq::socket_type::pair);
  events.set(zmq::sockopt::linger, 0);
  events.set(zmq::sockopt::rcvhwm, 0);
  events.connect(address);
  {
    const std::lock_guard lock(mutex_);
    new_.push_back(std::move(events));
  }
  wake_.wake();
}

void Door::unwatch(zmq::socket_t& socket) {
  ::zmq_socket_monitor(socket.handle(), nullptr, 0);  // its last event: MONITOR_STOPPED
}

void Door::note_proven(int connection) {
  const std::lock_guard lock(mutex_);
  if (proven_.insert(connection).second) newly_proven_.push_back(connection);
}

// --- the door thread ---

void Door::run() {
  std::vector<zmq::pollitem_t> items;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
      for (auto& events : new_) watched_.push_back({std::move(events), {}, false});
      new_.clear();
    }
    items.assign({{nullptr, wake_.fd(), ZMQ_POLLIN, 0}, {questions_.handle(), 0, ZMQ_POLLIN, 0}});
    for (auto& watched : watched_) items.push_back({watched.events.handle(), 0, ZMQ_POLLIN, 0});
    guarded("wait at the door", [&] {
      zmq::poll(items.data(), items.size(), std::chrono::milliseconds(-1));
      return true;
    });
    wake_.clear();
    for (auto& watched : watched_) take_events(watched);
    std::erase_if(watched_, [](const Watched& watched) { return watched.is_over; });
    answer();
  }
}

// --- ZAP (ZeroMQ RFC 27) ---

void Door::answer() {
  if (security_->is_open()) return;
  for (;;) {
    std::vector<std::string> frames;
    for (bool more = true; more;) {
      zmq::message_t frame;
      if (!questions_.recv(frame, zmq::recv_flags::dontwait)) return;
      more = frame.more();
      frames.push_back(frame.to_string());
    }
    std::string user;
    const bool is_whole = frames.size() == kQuestionFrames && frames[0] == "1.0" &&
                          frames[5] == "CURVE" && frames[6].size() == kKeyBytes;
    if (is_whole) user = judge(frames[2], plain_address(frames[3]), key_text(frames[6]));
    frames.resize(2);
    const std::array<std::string, 6> reply = {
        "1.0", frames[1], user.empty() ? "400" : "200", user.empty() ? "denied" : "ok", user, ""};
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const auto flags = i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      questions_.send(zmq::buffer(reply[i]), flags);
    }
  }
}

// Who it is, for the messages that come from there; empty: denied.
std::string Door::judge(const std::string& domain, const std::string& address,
                        const std::string& key) {
  const auto port = domain == kLiveDomain ? Port::live : Port::requests;
  const auto denial = security_->judge_handshake(key, port);
  if (!denial) {
    admission_.on_host_known(address, monotonic_time_us());
    return key;
  }
  const auto text =
      *denial == Denial::no_live
          ? fmt::format("{} may not follow: its entry in --peer-keys does not say so",
                        security_->name_of(key))
          : fmt::format("it shows the key {}, which no entry of --peer-keys has", key);
  security_->denials().note(*denial, address, text);
  return {};
}

// --- events of the sockets ---

void Door::take_events(Watched& watched) {
  guarded("watch connections", [&] {
    while (const auto parts = receive_parts(watched.events)) {
      std::uint16_t event = 0;
      std::uint32_t value = 0;
      if (parts->first.size() != sizeof event + sizeof value) continue;
      std::memcpy(&event, parts->first.data(), sizeof event);
      std::memcpy(&value, parts->first.data<std::byte>() + sizeof event, sizeof value);
      take_event(watched, event, value);
    }
    return true;
  });
}

// What went wrong is told just before the connection ends, by the same thread: the two belong
// together.
void Door::take_event(Watched& watched, std::uint16_t event, std::uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      return on_accepted(static_cast<int>(value));
    case ZMQ_EVENT_DISCONNECTED:
      return on_ended(watched, static_cast<int>(value));
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      watched.failure = Denial::given_up;
      return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      watched.failure = value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC ? Denial::wrong_server_key
                                                                       : Denial::garbage;
      return;
    case ZMQ_EVENT_MONITOR_STOPPED:
      watched.is_over = true;
      return;
    default:
      return;
  }
}

void Door::on_accepted(int connection) {
  {
    const std::lock_guard lock(mutex_);
    proven_.erase(connection);  // an earlier one of that number
    for (const int proven : std::exchange(newly_proven_, {})) {
      if (proven != connection) admission_.on_proven(proven);
    }
  }
  const auto [host, port] = caller_of(connection);
  if (host.empty()) return;  // and its number may be another's by now
  callers_[connection] = host + ' ' + port;
  for (const int each : admission_.on_accepted(connection, host, monotonic_time_us())) {
    const auto now = caller_of(each);
    if (callers_[each] != now.host + ' ' + now.port) continue;
    ::shutdown(each, SHUT_RDWR);  // the number stays taken until ZeroMQ closes it
    security_->denials().note(Denial::too_many, now.host, describe(Denial::too_many));
  }
}

void Door::on_ended(Watched& watched, int connection) {
  auto failure = std::exchange(watched.failure, {});
  {
    const std::lock_guard lock(mutex_);
    proven_.erase(connection);
    std::erase(newly_proven_, connection);
  }
  callers_.erase(connection);
  const auto ended = admission_.on_ended(connection, monotonic_time_us());
  if (!failure || (ended && ended->was_turned_away)) return;
  if (failure == Denial::given_up && ended && ended->age_us >= kHandshakeLimit_ms * 900) {
    failure = Denial::too_slow;
  }
  security_->denials().note(*failure, ended ? ended->host : kUnknownHost, describe(*failure));
}

}  // namespace understudy
