#include "common/archive/copy_snapshot.h"

#include "common/core/errors.h"
#include "common/core/failure_point.h"
#include "common/file/file.h"
#include "common/file/new_name.h"
#include "common/snapshot/snapshot.h"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr std::size_t kPieceBytes = 1024 * 1024;
// The kernel must not be left with more than this to write: others' fsyncs would wait for it.
constexpr std::uint64_t kSyncEvery = 32ull << 20;

bool copy_bytes(const std::string& from, const std::string& to,
                const std::function<bool()>& between) {
  const File source(from, File::Mode::read_only);
  File target(to, File::Mode::create);
  Bytes piece(kPieceBytes);
  std::uint64_t at = 0;
  for (;;) {
    if (!between()) return false;
    const auto size = source.read(at, piece);
    if (size == 0) break;
    target.write(at, ByteView(piece).first(size));
    if (at / kSyncEvery != (at + size) / kSyncEvery) target.sync();
    at += size;
  }
  failure_point("archive_snapshot_copied");
  target.sync();
  return true;
}

// Every frame, as it is in the archive.
bool prove(const std::string& path, const std::function<bool()>& between) {
  const auto reader = open_snapshot(path);
  for (;;) {
    if (!between()) return false;
    const auto frame = reader->next();
    if (std::holds_alternative<SnapshotEnd>(frame)) return true;
    if (const auto* damage = std::get_if<SnapshotDamage>(&frame)) {
      throw CorruptionError(
          fmt::format("{} is damaged at byte {}: {}", path, damage->offset, damage->what));
    }
  }
}

}  // namespace

bool copy_snapshot(const std::string& from, const std::string& partial, const std::string& to,
                   const std::function<bool()>& between) {
  struct Leave {
    const std::string& path;
    bool is_named = false;
    ~Leave() {
      try {
        if (!is_named) File::remove(path);
      } catch (const IoError&) {
        // The next run removes it.
      }
    }
  } leave{partial};
  File::remove(partial);
  if (!copy_bytes(from, partial, between) || !prove(partial, between)) return false;
  failure_point("archive_snapshot_proved");
  leave.is_named = give_new_name(partial, to);
  failure_point("archive_snapshot_named");
  return true;
}

}  // namespace understudy
