// Disks, files that options name, and the machine.
#include "common/core/clock.h"
#include "common/wal/attachable.h"
#include "doctor/gather.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

namespace understudy::doctor {
namespace {

namespace fs = std::filesystem;

constexpr long kTmpfsMagic = 0x01021994;
constexpr int kSyncs = 5;

// Of a nameless file, which is gone however this ends. nullopt: it could not be tried.
std::optional<double> measure_sync_ms(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return std::nullopt;
  constexpr std::array<char, 4096> kBytes{};
  std::array<double, kSyncs> took_ms{};
  bool worked = true;
  for (auto& took : took_ms) {
    const auto began_us = monotonic_time_us();
    worked = worked &&
             ::write(file, kBytes.data(), kBytes.size()) == static_cast<ssize_t>(kBytes.size());
    worked = worked && ::fdatasync(file) == 0;
    took = static_cast<double>(monotonic_time_us() - began_us) / 1000;
  }
  ::close(file);
  if (!worked) return std::nullopt;
  std::ranges::sort(took_ms);
  return took_ms[kSyncs / 2];
}

DiskFacts look_at_folder(const std::string& what, const std::string& folder,
                         std::uint64_t wanted_bytes) {
  DiskFacts facts{.what = what, .folder = folder, .network_name = {}, .sync_ms = {}};
  facts.wanted_bytes = wanted_bytes;
  facts.asker = ::geteuid();
  struct stat status {};
  facts.exists = ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (!facts.exists) return facts;
  facts.owner = status.st_uid;
  facts.may_write = ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  struct statfs kind {};
  if (::statfs(folder.c_str(), &kind) == 0) {
    const char* network = wal::network_file_system(static_cast<unsigned long>(kind.f_type));
    facts.network_name = network == nullptr ? "" : network;
    facts.is_memory = kind.f_type == kTmpfsMagic;
  }
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) == 0) {
    facts.is_read_only = (space.f_flag & ST_RDONLY) != 0;
    facts.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    facts.total_bytes = std::uint64_t{space.f_blocks} * space.f_frsize;
    facts.free_inodes = space.f_favail;
    facts.total_inodes = space.f_files;
  }
  return facts;
}

bool is_secret(const std::string& option) {
  return option == "key-file" || option == "http-key" || option == "lease-key" ||
         option.ends_with("token-file");
}

}  // namespace

std::vector<DiskFacts> gather_disks(const Patient& patient) {
  const auto folder = fs::path(patient.database).parent_path().string();
  std::vector<DiskFacts> disks{look_at_folder("the database", folder, patient.wal_limit_bytes)};
  // Made by the node when it is not there yet: beside it then.
  const bool has_state = fs::is_directory(patient.state_dir);
  const auto state =
      has_state ? patient.state_dir : fs::path(patient.state_dir).parent_path().string();
  // Retention lets the queue grow to twice its limit when a snapshot still needs the records.
  disks.push_back(look_at_folder("the state directory", state, patient.keep_bytes));
  if (has_state && disks.back().may_write) disks.back().sync_ms = measure_sync_ms(state);
  if (!patient.archive.empty()) {
    disks.push_back(look_at_folder("the archive", patient.archive, 0));
    disks.back().holds_database = false;
  }
  return disks;
}

std::vector<FileFacts> gather_files(const Patient& patient) {
  std::vector<FileFacts> files;
  for (const auto& [option, path] : patient.files) {
    FileFacts facts{.option = option, .path = path};
    struct stat status {};
    facts.exists = ::stat(path.c_str(), &status) == 0;
    facts.may_read = ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
    facts.is_secret = is_secret(option);
    facts.mode = status.st_mode & 0777;
    files.push_back(std::move(facts));
  }
  return files;
}

MachineFacts gather_machine(const NodeFacts& node) {
  MachineFacts facts;
  facts.processors = std::max(1U, std::thread::hardware_concurrency());
  // Of the node that runs, or as one would have it that is started from here.
  rlimit limit{};
  const auto pid = node.status ? static_cast<pid_t>(node.status->pid) : 0;
  if (::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0 ||
      ::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files_limit = limit.rlim_cur;
  }
  timex clock{};
  if (const int state = ::adjtimex(&clock); state >= 0) {
    facts.is_clock_synchronized = state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
  }
  return facts;
}

}  // namespace understudy::doctor
