// The file of page hashes, as it comes and with its checksums made to fit. What loads is a table
// whose sum is that of its entries, and which can be saved over the same file.
#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"
#include "common/file/file.h"
#include "common/record/page_hashes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

using namespace understudy;

namespace {

constexpr std::size_t kBlock = 4096;  // schemas/page-hashes.md
constexpr std::size_t kHeaderChecksumAt = 40;

const std::string& scratch_path() {
  struct Folder {
    Folder() {
      const bool has_memory_disk = std::filesystem::is_directory("/dev/shm");
      path = has_memory_disk ? "/dev/shm" : std::filesystem::temp_directory_path().string();
      path += "/understudy-fuzz-XXXXXX";
      if (mkdtemp(path.data()) == nullptr) std::abort();
      file = path + "/page-hashes";
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
    std::string file;
  };
  static const Folder folder;
  return folder.file;
}

void load(ByteView content) {
  {
    File file(scratch_path(), File::Mode::create);
    file.truncate(0);
    file.write(0, content);
  }
  auto loaded = PageHashes::load(scratch_path(), StreamId{});
  if (!loaded) return;
  auto& table = loaded->table;
  US_ASSERT(table.sum() == table.recount(), "the sum is that of the entries");
  table.set(table.page_count() / 2 + 1, 77);
  table.resize(table.page_count() + 3);
  table.save(scratch_path(), StreamId{}, loaded->seq + 1);
  const auto again = PageHashes::load(scratch_path(), StreamId{});
  US_ASSERT(again && again->seq == loaded->seq + 1, "what was saved loads");
  US_ASSERT(again->table.sum() == table.sum(), "and is the same table");
}

Bytes sealed(ByteView content) {
  Bytes bytes(content.begin(), content.end());
  if (bytes.size() < kHeaderChecksumAt + 8) return bytes;
  store_le(bytes.data() + kHeaderChecksumAt, xxh3(content.first(kHeaderChecksumAt)));
  for (std::size_t block = 1; (block + 1) * kBlock <= bytes.size(); ++block) {
    auto* const start = bytes.data() + block * kBlock;
    store_le(start + kBlock - 8, xxh3({start, kBlock - 8}, block));
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  load(input);
  load(sealed(input));
  return 0;
}
