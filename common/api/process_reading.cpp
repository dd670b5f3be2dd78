#include "common/api/metrics_text.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace understudy {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Of /proc/self/stat: when it began, in ticks since the machine did.
double read_start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The second field is the program's name in brackets, and may hold anything.
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i < 22; ++i) rest >> field;
  double ticks = 0;
  rest >> ticks;
  return ticks;
}

double read_boot_time() {
  std::ifstream file("/proc/stat");
  std::string name;
  while (file >> name) {
    double value = 0;
    if (name == "btime" && file >> value) return value;
    file.ignore(1 << 16, '\n');
  }
  return 0;
}

}  // namespace

ProcessReading read_process() {
  ProcessReading reading;
  // It does not change.
  static const double started_at =
      read_boot_time() + read_start_ticks() / static_cast<double>(::sysconf(_SC_CLK_TCK));
  reading.started_at = started_at;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    reading.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  }
  std::ifstream memory("/proc/self/statm");
  std::uint64_t total_pages = 0, resident_pages = 0;
  memory >> total_pages >> resident_pages;
  reading.resident_bytes = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    (void)entry;
    ++reading.open_descriptors;
  }
  return reading;
}

}  // namespace understudy
