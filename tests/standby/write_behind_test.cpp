// Method: write as a stage does, many pieces, and compare the file; a file that cannot be opened
// must come back as an error of the writer's, not be lost with the thread.
#include "common/replica/write_behind.h"

#include "common/core/errors.h"
#include "common/file/file.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace understudy {
namespace {

class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_.data()) == nullptr) throw IoError("make", path_, 0);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/dev/shm/understudy-write-behind-XXXXXX";
};

TEST_CASE("a file that is synced behind its writer holds what was written") {
  const Folder folder;
  const auto path = folder.file("stage");
  File file(path, File::Mode::create);
  const Bytes piece(1 << 20, std::byte{7});
  constexpr std::uint64_t kPieces = 100;
  {
    WriteBehind behind(path, {});
    for (std::uint64_t i = 0; i < kPieces; ++i) {
      file.write(i * piece.size(), piece);
      behind.note_written(piece.size());
    }
  }
  CHECK(file.size() == kPieces * piece.size());
  Bytes read(piece.size());
  CHECK(file.read((kPieces - 1) * piece.size(), read) == read.size());
  CHECK(read == piece);
}

TEST_CASE("a failure of the thread reaches the writer") {
  const Folder folder;
  WriteBehind behind(folder.file("missing/stage"), {});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool failed = false;
  while (!failed && std::chrono::steady_clock::now() < deadline) {
    try {
      behind.note_written(WriteBehind::kEvery);
    } catch (const IoError&) {
      failed = true;
    }
    std::this_thread::yield();
  }
  CHECK(failed);
}

}  // namespace
}  // namespace understudy
