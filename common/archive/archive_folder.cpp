#include "common/archive/archive_folder.h"

#include "common/core/random_number.h"
#include "common/file/file.h"
#include "common/file/new_name.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "understudy archive ";
constexpr int kVersion = 1;
constexpr std::size_t kMarkLimit = 4096;

std::string mark_text(const StreamId& stream) {
  return fmt::format("{}{}\nstream {}\n", kMark, kVersion, stream.to_string());
}

void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_folder_of(path);
  } else if (errno != EEXIST) {
    throw IoError("create", path, errno);
  }
}

// What a disk may hold of its own, and what a run that died has left.
bool counts_as_nothing(const std::string& file) {
  return file == "lost+found" || file.starts_with('.') || file.ends_with(".partial");
}

}  // namespace

std::string archived_snapshot_name(const Position& position) {
  return fmt::format("{:020}-{}-{:016x}.snapshot", position.seq, position.epoch, position.sum);
}

ArchiveFolder::ArchiveFolder(std::string path) : path_(std::move(path)) {}

std::vector<std::string> ArchiveFolder::names_in(const std::string& folder,
                                                 std::string_view suffix) {
  std::vector<std::string> files;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  if (error) throw IoError("list", folder, error.value());
  for (const auto end = fs::directory_iterator(); entries != end; entries.increment(error)) {
    if (error) throw IoError("list", folder, error.value());
    auto file = entries->path().filename().string();
    if (file.ends_with(suffix)) files.push_back(std::move(file));
  }
  std::ranges::sort(files);
  return files;
}

bool ArchiveFolder::is_archive() const {
  return File::exists(mark()) || !segments().empty();
}

std::optional<StreamId> ArchiveFolder::stream() const {
  if (!File::exists(mark())) return std::nullopt;
  Bytes bytes(kMarkLimit);
  bytes.resize(File(mark(), File::Mode::read_only).read(0, bytes));
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::size_t kStreamDigits = 32;
  const auto at = text.rfind(' ');
  if (at != std::string::npos && text.size() > at + kStreamDigits) {
    const auto stream = StreamId::parse(std::string_view(text).substr(at + 1, kStreamDigits));
    if (stream && text == mark_text(*stream)) return stream;
  }
  const bool is_ours = text.starts_with(mark_text({}).substr(0, kMark.size() + 2));
  if (text.starts_with(kMark) && !is_ours) {
    throw ConfigError(
        fmt::format("{} is of a format that this version of understudy ({}) does not know; use a "
                    "newer one",
                    mark(), UNDERSTUDY_VERSION));
  }
  throw CorruptionError(fmt::format("{} is damaged: it does not name a stream", mark()));
}

void ArchiveFolder::claim(const StreamId& stream, bool was_there) const {
  std::error_code error;
  if (!fs::is_directory(path_, error)) {
    throw ConfigError(fmt::format(
        "there is no folder {}; make it first (it is never made here, so that a disk that is not "
        "mounted is not taken for an empty one)",
        path_));
  }
  auto known = this->stream();
  if (!known) {
    const auto files = names_in(path_, "");
    if (was_there || !std::ranges::all_of(files, counts_as_nothing)) {
      throw ConfigError(fmt::format(
          "{} is no archive{}: there is no {}; {}", path_, was_there ? " any more" : "", mark(),
          was_there ? "is its disk mounted?" : "name an empty folder, or an archive"));
    }
    make_mark(stream);
    known = this->stream();
  }
  if (known != stream) {
    throw ConfigError(fmt::format("{} is the archive of another database: of stream {}, not {}",
                                  path_, known ? known->to_string() : "none", stream.to_string()));
  }
  // What was left of making it: by a run that died, or on a full disk.
  for (const auto& file : names_in(path_, ".partial")) {
    if (file.starts_with("understudy-archive.")) File::remove(path_ + "/" + file);
  }
  make_folder(segments_folder());
  make_folder(snapshots_folder());
}

// Another node may be making the same one.
void ArchiveFolder::make_mark(const StreamId& stream) const {
  const auto partial = fmt::format("{}.{:016x}.partial", mark(), random_number());
  const auto text = mark_text(stream);
  {
    File file(partial, File::Mode::create);
    file.write(0, std::as_bytes(std::span(text)));
    file.sync();
  }
  if (!give_new_name(partial, mark())) File::remove(partial);
}

std::vector<SegmentName> ArchiveFolder::segments() const {
  std::vector<SegmentName> names;
  for (const auto& file : names_in(segments_folder(), ".segment")) {
    if (const auto name = SegmentName::parse(file)) names.push_back(*name);
  }
  std::ranges::sort(names);
  return names;
}

std::uint64_t ArchiveFolder::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& name : segments()) {
    std::error_code gone;
    const auto size = fs::file_size(path_of(name), gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

std::vector<std::string> ArchiveFolder::snapshots() const {
  return names_in(snapshots_folder(), ".snapshot");
}

std::string ArchiveFolder::path_of(const SegmentName& name) const {
  return segments_folder() + "/" + name.to_string();
}

}  // namespace understudy
