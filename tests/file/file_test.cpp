// File: every method, and that each failure of the disk comes out as an IoError.
#include "common/file/file.h"

#include "common/core/errors.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace understudy::test {
namespace {

Bytes bytes_of(std::size_t size, int first = 1) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(first + i * 7);
  return bytes;
}

TEST_CASE("reads what was written, short at the end") {
  TemporaryDirectory folder;
  const auto path = folder.file("a");
  CHECK_FALSE(File::exists(path));
  const Bytes content = bytes_of(300'000);  // more than one write of the VFS
  {
    File file(path, File::Mode::create);
    CHECK(file.size() == 0);
    file.write(1000, content);
    file.sync();
    CHECK(file.size() == 301'000);
  }
  CHECK(File::exists(path));
  const File file(path, File::Mode::read_only);
  Bytes back(content.size());
  CHECK(file.read(1000, back) == content.size());
  CHECK(back == content);
  CHECK(file.read(300'990, back) == 10);
  CHECK(file.read(301'000, back) == 0);
  CHECK(file.read(999'999, back) == 0);
}

TEST_CASE("truncates and removes") {
  TemporaryDirectory folder;
  const auto path = folder.file("a");
  {
    File file(path, File::Mode::create);
    file.write(0, bytes_of(100));
    file.truncate(30);
    CHECK(file.size() == 30);
  }
  File::remove(path);
  CHECK_FALSE(File::exists(path));
  CHECK_NOTHROW(File::remove(path));
}

TEST_CASE("a missing file or folder is an IoError with its errno") {
  TemporaryDirectory folder;
  CHECK_THROWS_AS(File(folder.file("none"), File::Mode::read_only), IoError);
  CHECK_THROWS_AS(File(folder.file("none/a"), File::Mode::create), IoError);
  try {
    File(folder.file("none"), File::Mode::read_write);
    FAIL("opened a missing file");
  } catch (const IoError& error) {
    CHECK(error.code() == ENOENT);
    CHECK(std::string(error.what()).find("none") != std::string::npos);
  }
}

TEST_CASE("each failing call throws; a full disk says so") {
  using enum FaultVfs::Call;
  FaultVfs vfs;
  TemporaryDirectory folder;
  const auto path = folder.file("a");
  File file(path, File::Mode::create, vfs.name());
  vfs.fail({.for_ever = true, .calls = write});
  CHECK_THROWS_AS(file.write(0, bytes_of(10)), IoError);
  vfs.fail({.for_ever = true, .calls = sync});
  CHECK_THROWS_AS(file.sync(), IoError);
  vfs.fail({.for_ever = true, .calls = truncate});
  CHECK_THROWS_AS(file.truncate(0), IoError);
  vfs.fail({.for_ever = true, .calls = FaultVfs::open});
  CHECK_THROWS_AS(File(path, File::Mode::read_only, vfs.name()), IoError);
  vfs.fail({.for_ever = true, .calls = FaultVfs::remove});
  CHECK_THROWS_AS(File::remove(path, vfs.name()), IoError);
  vfs.fail({.for_ever = true, .calls = FaultVfs::read});
  Bytes back(10);
  CHECK_THROWS_AS((void)file.read(0, back), IoError);
  vfs.heal();
  file.write(0, bytes_of(10));
  CHECK(file.read(0, back) == 10);
  CHECK(back == bytes_of(10));

  vfs.set_capacity(100);
  try {
    file.write(0, bytes_of(200));
    FAIL("wrote beyond the capacity");
  } catch (const IoError& error) {
    CHECK(error.is_disk_full());
  }
  vfs.set_capacity(0);
  CHECK_NOTHROW(file.write(0, bytes_of(200)));
}

// Two versions of a file, the second not synced: a cut leaves each byte of one or the other, and
// what was synced always.
TEST_CASE("a power cut spares what was synced and may tear the rest by sectors") {
  constexpr std::size_t kSize = 4096;
  const Bytes before = bytes_of(kSize, 1);
  const Bytes after = bytes_of(kSize, 100);
  int kept = 0;
  int lost = 0;
  int torn = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    FaultVfs vfs;
    TemporaryDirectory folder;
    const auto path = folder.file("a");
    {
      File file(path, File::Mode::create, vfs.name());
      file.write(0, before);
      file.sync();
      file.write(0, after);
    }
    vfs.power_cut(seed);
    const File file(path, File::Mode::read_only, vfs.name());
    Bytes found(kSize);
    REQUIRE(file.read(0, found) == kSize);
    for (std::size_t at = 0; at < kSize; at += 512) {
      const ByteView sector = ByteView(found).subspan(at, 512);
      const bool is_old = std::ranges::equal(sector, ByteView(before).subspan(at, 512));
      const bool is_new = std::ranges::equal(sector, ByteView(after).subspan(at, 512));
      REQUIRE(is_old != is_new);
    }
    if (found == before) {
      ++lost;
    } else if (found == after) {
      ++kept;
    } else {
      ++torn;
    }
  }
  CHECK(kept > 0);
  CHECK(lost > 0);
  CHECK(torn > 0);
}

TEST_CASE("creations and deletions that were not synced may be undone") {
  int created = 0;
  int removed = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    FaultVfs vfs;
    TemporaryDirectory folder;
    const auto synced = folder.file("synced");
    const auto fresh = folder.file("fresh");
    {
      File file(synced, File::Mode::create, vfs.name());
      file.write(0, bytes_of(10));
      file.sync();
      const File other(fresh, File::Mode::create, vfs.name());
    }
    vfs.power_cut(seed);
    CHECK(File::exists(synced));
    created += std::filesystem::exists(fresh) ? 1 : 0;  // xAccess denies empty files
    File::remove(synced, vfs.name());                   // syncs the folder: final
    vfs.power_cut(seed);
    removed += File::exists(synced) ? 0 : 1;
  }
  CHECK(created > 0);
  CHECK(created < 50);
  CHECK(removed == 50);
}

TEST_CASE("a failed sync settles the writes; a later sync does not bring them back") {
  int lost = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    FaultVfs vfs;
    TemporaryDirectory folder;
    const auto path = folder.file("a");
    {
      File file(path, File::Mode::create, vfs.name());
      file.sync();
      for (std::uint64_t i = 0; i < seed; ++i) file.write(i * 512, bytes_of(512));
      vfs.fail({.calls = FaultVfs::sync});
      CHECK_THROWS_AS(file.sync(), IoError);
      file.sync();
    }
    vfs.power_cut(seed);
    const File file(path, File::Mode::read_only, vfs.name());
    lost += file.size() < seed * 512 ? 1 : 0;
  }
  CHECK(lost > 0);
}

}  // namespace
}  // namespace understudy::test
