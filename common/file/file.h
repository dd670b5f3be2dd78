// File: a file of our own, opened through SQLite's VFS interface.
//
// Question answered: how do tests fail, tear or lose *every* write that we make, ours and
// SQLite's alike? By one door for both: sqlite3_vfs. A test registers a VFS and passes its name;
// SQLite databases and Files then live in the same simulated disk. (docs/decisions/0003-one-vfs.md)
//
// A File belongs to one thread at a time. Never open an application's database or -shm file with
// it: closing any descriptor of those drops the process's POSIX locks. The -wal file is fine.
// Every method throws IoError (with errno where known) when the call fails.
#pragma once

#include "common/core/types.h"

#include <memory>
#include <string>

struct sqlite3_file;
struct sqlite3_vfs;

namespace understudy {

class File {
 public:
  enum class Mode { read_only, read_write, create };

  // `vfs` is the name of a registered sqlite3_vfs; empty is the default one.
  File(const std::string& path, Mode mode, const std::string& vfs = {});
  ~File();
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Reads up to out.size() bytes at `offset`; returns how many there were before the end.
  std::size_t read(std::uint64_t offset, std::span<std::byte> out) const;
  void write(std::uint64_t offset, ByteView bytes);
  void truncate(std::uint64_t size);
  // Durable from here: everything written before. A failure is final (IoError): never retry.
  void sync();
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] const std::string& path() const { return path_; }

  static bool exists(const std::string& path, const std::string& vfs = {});
  static void remove(const std::string& path, const std::string& vfs = {});  // and syncs the folder

 private:
  struct Close {
    void operator()(sqlite3_file* file) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3_file, Close> file_;
};

}  // namespace understudy
