// Message: everything that server and standby say to each other, as plain values, and its codec.
//
// One MessagePack array each, [protocol version, type, fields…]; the byte level, who may say what
// when, and the limits are in schemas/protocol.md. Network bytes are hostile: decode_message()
// allocates no more than the input's size (times a small constant), never throws for what it
// reads, and answers "not a message" as nullopt.  Pure; any thread.
#pragma once

#include "common/record/batch.h"
#include "common/record/history.h"

#include <variant>

namespace understudy {

constexpr std::uint32_t kProtocolVersion = 2;
constexpr std::size_t kMessageLimit = 4 * 1024 * 1024;  // bytes of one message
constexpr std::size_t kRequestLimit = 512 * 1024;       // of one that a server takes
constexpr std::size_t kSubscriptionLimit = 1024;        // likewise, on the live port
constexpr std::size_t kNameLimit = 128;                 // of a node
constexpr std::size_t kTextLimit = 1024;                // of words for people
constexpr std::size_t kBatchesLimit = 2048;             // blobs in one Batches
constexpr std::size_t kGroupBytes = 1024 * 1024;        // of pages asked for at once
constexpr PageNo kGroupPages = kGroupBytes / 512;
// What a Batches message costs beside its bytes: bounds the number under way, too.
constexpr std::uint64_t kMessageCost = 32 * 1024;

// The answer to "does my log connect with yours?". What each leads to: schemas/protocol.md.
enum class Verdict : std::uint8_t {
  connects = 0,      // records go on from the standby's position
  no_log = 1,        // the standby has no log: resync
  too_old = 2,       // the server no longer has the records in between: resync
  diverged = 3,      // the server's record of that seq is another one: resync, keep orphans
  ahead = 4,         // the server is behind the standby in the same epoch: wait, or ask another
  stale_server = 5,  // the standby knows a higher epoch: the server is not to be followed
  other_stream = 6,  // another database: never
  not_ready = 7,     // the server has no log yet: wait
  forked = 8,        // both opened the same epoch, each without the other: a person decides
};
constexpr std::uint8_t kVerdictCount = 9;
std::string_view to_string(Verdict verdict);

enum class StandbyState : std::uint8_t {
  connecting = 0,
  resyncing = 1,
  catching_up = 2,
  streaming = 3,
  stopped = 4,
};
constexpr std::uint8_t kStandbyStateCount = 5;
std::string_view to_string(StandbyState state);

enum class RefusalCode : std::uint8_t {
  hello_first = 0,     // the server does not know this peer (any longer): begin with Hello
  other_protocol = 1,  // the message was of a version that the server does not speak
  trimmed = 2,         // the part asked for is no longer there: begin with Hello
  full = 3,            // the server takes no more standbys
  bad_request = 4,
  not_allowed = 5,  // the key that was shown is not for that; asking again is in vain
};
constexpr std::uint8_t kRefusalCount = 6;

enum class PeerRole : std::uint8_t {
  none = 0,  // starting, ending, or between two roles
  primary = 1,
  standby = 2,
};
constexpr std::uint8_t kPeerRoleCount = 3;
std::string_view to_string(PeerRole role);

// What a node says of itself to the others of its cluster, unasked and as an answer alike.
struct PeerReport {
  std::string node;
  StreamId stream;            // nil: it has none yet
  std::uint64_t process = 0;  // random, of this run of the program
  PeerRole role = PeerRole::none;
  std::string state;         // in words, as its status has it
  Epoch epoch = 0;           // the last one of its history; 0: it has none
  std::uint64_t tenure = 0;  // of that epoch
  Position position;         // last durable record
  Seq applied = 0;
  std::string followed;                    // the node that it follows; empty: none
  bool is_fenced = false;                  // it holds its application's write lock
  std::uint64_t takeover_id = 0;           // the takeover that it was told to and is about; 0: none
  std::uint64_t declined_takeover_id = 0;  // the last one that it declined; 0: none
  std::uint32_t sync_standbys = 0;  // that commits of its application wait for; 0: they do not
  bool operator==(const PeerReport&) const = default;
};

enum class CommandKind : std::uint8_t {
  switchover = 0,  // to the primary: hand over to the node named
  take_over = 1,   // from the primary, fenced and drained: go on from this position
  // From the holder of a lease that cannot reach its store: promise not to take it. `to` is the
  // holder, takeover_id its process, position its epoch and (as seq) for how many milliseconds.
  stay = 2,
  reinit = 3,  // to a standby, named in `to`: begin anew
};
constexpr std::uint8_t kCommandKindCount = 4;

namespace message {

// --- standby → server, by DEALER ---

struct Hello {
  static constexpr std::uint32_t kType = 1;
  std::uint64_t hello_id = 0;  // comes back in the Welcome
  std::string node;
  StreamId stream;                   // nil: new, takes whatever stream the server has
  std::optional<Position> position;  // of the last whole record in its log; nullopt: no log
  History history;                   // of its log, the newest openings; empty: no log
};

// "Send me the log from this part on": one at a time; a new one ends the one before.
struct Fetch {
  static constexpr std::uint32_t kType = 2;
  std::uint64_t fetch_id = 0;
  PartKey from;
  std::uint64_t credit = 0;  // bytes (and kMessageCost each) that may be under way
};

struct Credit {
  static constexpr std::uint32_t kType = 3;
  std::uint64_t fetch_id = 0;
  std::uint64_t more = 0;
};

struct Ack {
  static constexpr std::uint32_t kType = 4;
  Seq received = 0;
  Seq durable = 0;
  Seq applied = 0;
  StandbyState state = StandbyState::connecting;
};

struct OutlineRequest {
  static constexpr std::uint32_t kType = 5;
};

struct PagesRequest {
  static constexpr std::uint32_t kType = 6;
  std::uint64_t request_id = 0;
  PageNo first = 0;
  PageNo count = 0;
  std::vector<PageHash> known;  // of the asker, from `first` on; at most `count`
};

struct Ping {
  static constexpr std::uint32_t kType = 7;
};

// --- any node → server, by DEALER, without a Hello ---

// "This is me; and you?" An announcement, too: whoever hears of a higher epoch stands down.
struct Probe {
  static constexpr std::uint32_t kType = 8;
  std::uint64_t probe_id = 0;  // comes back in the ProbeReply
  PeerReport report;
};

struct Command {
  static constexpr std::uint32_t kType = 9;
  std::uint64_t command_id = 0;  // comes back in the CommandReply
  CommandKind kind = CommandKind::switchover;
  std::string to;                 // switchover: the node that is to lead
  Position position;              // take_over: all that the primary had
  std::uint64_t takeover_id = 0;  // take_over: names this demand
  bool dry_run = false;
};

// --- server → standby, by ROUTER ---

struct Welcome {
  static constexpr std::uint32_t kType = 20;
  std::uint64_t hello_id = 0;
  std::string node;
  StreamId stream;
  // Random, of this run of the server and this history of its log: while it is the same, no part
  // that the server ever sent has been taken back.
  std::uint64_t instance = 0;
  Verdict verdict = Verdict::not_ready;
  Position base;  // what the server's log spans
  Position last;
  PartKey next;
  History history;          // of the server's log, the newest openings; empty: it has none yet
  bool is_primary = false;  // its records are made there
};

struct Batches {
  static constexpr std::uint32_t kType = 21;
  std::uint64_t fetch_id = 0;
  std::vector<Bytes> blobs;  // in log order, each a batch
  [[nodiscard]] std::uint64_t cost() const;
};

// The server has sent all that it has; `next` is the part that it expects next.
struct FetchEnd {
  static constexpr std::uint32_t kType = 22;
  std::uint64_t fetch_id = 0;
  PartKey next;
};

struct Outline {
  static constexpr std::uint32_t kType = 23;
  bool available = false;  // false: no state to serve now, ask again later
  Position position;
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
};

struct Pages {
  static constexpr std::uint32_t kType = 24;
  std::uint64_t request_id = 0;
  bool available = false;  // false: not now, ask again later
  Position as_of;
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
  PageNo first = 0;
  PageNo count = 0;
  std::vector<PageNo> pages;  // ascending, within [first, first + count)
  Bytes contents;             // page_size bytes each
};

struct Pong {
  static constexpr std::uint32_t kType = 25;
  Position last;
};

struct Refused {
  static constexpr std::uint32_t kType = 26;
  RefusalCode code = RefusalCode::bad_request;
  std::string text;
};

struct ProbeReply {
  static constexpr std::uint32_t kType = 27;
  std::uint64_t probe_id = 0;
  PeerReport report;
};

struct CommandReply {
  static constexpr std::uint32_t kType = 28;
  std::uint64_t command_id = 0;
  bool ok = false;
  std::string text;  // what was done, or why not
};

// --- live stream, by XPUB; the frame before it is the stream id ---

struct LiveBatch {
  static constexpr std::uint32_t kType = 40;
  Bytes blob;  // whole records only; at most kLiveLimit bytes
};

// At least every kHeartbeatInterval, and at once for what is not broadcast.
struct Heartbeat {
  static constexpr std::uint32_t kType = 41;
  StreamId stream;
  std::uint64_t instance = 0;
  Position last;
  PartKey next;
  std::int64_t time_us = 0;  // the server's clock, Unix time
};

// A message of a version that we do not speak, newer or older. Only decoded, never sent. (A Refused
// is understood in every version.)
struct OtherVersion {
  static constexpr std::uint32_t kType = 0;
  std::uint32_t version = 0;
};

}  // namespace message

constexpr std::size_t kLiveLimit = 64 * 1024;

using Message = std::variant<message::OtherVersion, message::Hello, message::Fetch, message::Credit,
                             message::Ack, message::OutlineRequest, message::PagesRequest,
                             message::Ping, message::Probe, message::Command, message::Welcome,
                             message::Batches, message::FetchEnd, message::Outline, message::Pages,
                             message::Pong, message::Refused, message::ProbeReply,
                             message::CommandReply, message::LiveBatch, message::Heartbeat>;

[[nodiscard]] Bytes encode_message(const Message& message);
// nullopt: not a message (foreign bytes, a limit passed, a field out of range, bytes left over).
[[nodiscard]] std::optional<Message> decode_message(ByteView bytes);

}  // namespace understudy
