// The database and its WAL: what its files say, and who holds its locks, asked without taking any.
#include "common/sqlite/connection.h"
#include "common/wal/index_layout.h"
#include "doctor/gather.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string_view>
#include <thread>

namespace understudy::doctor {
namespace {

constexpr int kLooks = 10;
constexpr std::chrono::milliseconds kPause{50};
constexpr off_t kSharedLock = 0x40000002;  // of the database file: each connection's, 510 bytes
constexpr off_t kSharedLockSize = 510;
constexpr off_t kWriteLock = 120;  // of the wal-index, as are the readers'
constexpr off_t kFirstReadLock = 123;
constexpr int kReadLocks = 5;
constexpr std::size_t kIndexBytes = wal::layout::kFirstBlockHeaderSize;

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  [[nodiscard]] int number() const { return number_; }

  // False: there are not so many bytes.
  template <std::size_t N>
  bool read(std::array<unsigned char, N>& bytes) const {
    return ::pread(number_, bytes.data(), N, 0) == static_cast<ssize_t>(N);
  }

  // Who holds a lock there that a reader (`type` F_RDLCK) or a writer (F_WRLCK) would wait for.
  [[nodiscard]] std::optional<pid_t> holder(short type, off_t start, off_t length) const {
    struct flock query {};
    query.l_type = type;
    query.l_whence = SEEK_SET;
    query.l_start = start;
    query.l_len = length;
    if (::fcntl(number_, F_GETLK, &query) != 0 || query.l_type == F_UNLCK) return std::nullopt;
    return query.l_pid;
  }

 private:
  int number_;
};

std::uint32_t native_at(const std::array<unsigned char, kIndexBytes>& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// https://sqlite.org/fileformat.html, "The Database Header".
void read_header(const Descriptor& file, DatabaseFacts& facts) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  std::array<unsigned char, 100> header{};
  if (!file.read(header)) return;
  facts.is_sqlite = std::memcmp(header.data(), kMagic.data(), kMagic.size()) == 0;
  if (!facts.is_sqlite) return;
  const int size = header[16] << 8 | header[17];
  facts.page_size = size == 1 ? 65536 : static_cast<std::uint32_t>(size);
  facts.is_wal = header[18] == 2 && header[19] == 2;
  facts.writer_version = header[96] << 24 | header[97] << 16 | header[98] << 8 | header[99];
  facts.exclusive_holder = file.holder(F_RDLCK, kSharedLock, kSharedLockSize);
}

// What was held at each look, by the same process.
class Held {
 public:
  void see(std::optional<pid_t> holder, std::uint32_t mark) {
    const bool same =
        holder && (!first_ || (held_ && held_->holder == *holder && held_->mark == mark));
    held_ = same ? std::optional(HeldLock{*holder, mark}) : std::nullopt;
    first_ = false;
  }
  [[nodiscard]] const std::optional<HeldLock>& all_along() const { return held_; }

 private:
  bool first_ = true;
  std::optional<HeldLock> held_;
};

void look_at_index(const Descriptor& index, DatabaseFacts& facts) {
  Held writer;
  std::array<Held, kReadLocks> readers;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kPause);
    std::array<unsigned char, kIndexBytes> bytes{};
    if (!index.read(bytes)) return;
    facts.frames = native_at(bytes, 16);  // mxFrame
    facts.backfilled = native_at(bytes, wal::layout::kBackfillOffset);
    writer.see(index.holder(F_WRLCK, kWriteLock, 1), 0);
    for (int slot = 0; slot < kReadLocks; ++slot) {
      readers[static_cast<std::size_t>(slot)].see(
          index.holder(F_WRLCK, kFirstReadLock + slot, 1),
          native_at(bytes, wal::layout::kMarksOffset + 4 * static_cast<std::size_t>(slot)));
    }
  }
  facts.has_index = true;
  facts.writer = writer.all_along();
  for (std::size_t slot = 1; slot < kReadLocks; ++slot) {
    const auto& held = readers[slot].all_along();
    const bool is_in_the_way = held && held->mark < facts.frames && held->holder != facts.node_pid;
    if (is_in_the_way) facts.readers.push_back(*held);
  }
}

}  // namespace

DatabaseFacts gather_database(const Patient& patient, const NodeFacts& node) {
  DatabaseFacts facts{.path = patient.database, .role = patient.role, .unreadable = {}};
  facts.own_version = sqlite_version();
  facts.wal_limit_bytes = patient.wal_limit_bytes;
  if (node.status) {
    facts.node_pid = static_cast<pid_t>(node.status->pid);
    facts.role = node.status->role;
  }
  struct stat status {};
  facts.exists = ::stat(patient.database.c_str(), &status) == 0;
  if (!facts.exists) return facts;
  const Descriptor file(patient.database);
  if (!file.is_open()) {
    facts.unreadable = std::strerror(errno);
    return facts;
  }
  read_header(file, facts);
  struct stat wal {};
  if (::stat((patient.database + "-wal").c_str(), &wal) == 0) {
    facts.wal_bytes = static_cast<std::uint64_t>(wal.st_size);
  }
  const Descriptor index(patient.database + "-shm");
  if (facts.is_wal && index.is_open()) look_at_index(index, facts);
  return facts;
}

}  // namespace understudy::doctor
