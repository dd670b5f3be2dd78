#include "extension/wal_position.h"

#include <sqlite3ext.h>

#include <cstring>
extern "C" {
SQLITE_EXTENSION_INIT3
}

namespace understudy::extension {
namespace {

constexpr int kBlockSize = 32768;
constexpr int kWords = 12;  // of one of the two copies of the header
constexpr std::uint32_t kVersion = 3007000;
constexpr int kFlagsWord = 3, kLastFrameWord = 4, kSaltsWord = 8, kChecksumWord = 10;
constexpr int kAttempts = 100;

bool is_whole(const std::uint32_t (&words)[kWords]) {
  std::uint32_t s1 = 0, s2 = 0;
  for (int i = 0; i < kChecksumWord; i += 2) {
    s1 += words[i] + s2;
    s2 += words[i + 1] + s1;
  }
  return words[0] == kVersion && (words[kFlagsWord] & 0xff) != 0 && words[kChecksumWord] == s1 &&
         words[kChecksumWord + 1] == s2;
}

// As SQLite reads it: a writer changes the second copy first.
bool read_header(const volatile std::uint32_t* index, std::uint32_t (&words)[kWords]) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    bool same = true;
    for (int i = 0; i < kWords; ++i) words[i] = __atomic_load_n(index + i, __ATOMIC_ACQUIRE);
    for (int i = 0; i < kWords; ++i) {
      same = same && __atomic_load_n(index + kWords + i, __ATOMIC_ACQUIRE) == words[i];
    }
    if (same && is_whole(words)) return true;
  }
  return false;
}

}  // namespace

bool read_wal_position(sqlite3* db, WalPosition& position) {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK) return false;
  if (file == nullptr || file->pMethods == nullptr || file->pMethods->iVersion < 2) return false;
  volatile void* block = nullptr;
  if (file->pMethods->xShmMap(file, 0, kBlockSize, 0, &block) != SQLITE_OK || block == nullptr) {
    return false;
  }
  std::uint32_t words[kWords];
  if (!read_header(static_cast<const volatile std::uint32_t*>(block), words)) return false;
  std::memcpy(&position.salts, &words[kSaltsWord], sizeof position.salts);
  position.frame = words[kLastFrameWord];
  return true;
}

}  // namespace understudy::extension
