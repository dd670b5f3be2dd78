#include "common/logging/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace understudy {
namespace {

constexpr std::string_view kEraseLine = "\r\033[K";

bool user_wants_colours() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (no_colour == nullptr || *no_colour == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

// The first `columns` characters of UTF-8 text.
std::string_view cut(std::string_view text, int columns) {
  std::size_t end = 0;
  for (int used = 0; end < text.size() && used < columns; ++used) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  }
  return text.substr(0, end);
}

}  // namespace

Terminal::Terminal(int descriptor)
    : descriptor_(descriptor),
      is_terminal_(::isatty(descriptor) == 1),
      colours_(is_terminal_ && user_wants_colours()) {}

Terminal& Terminal::standard_error() {
  static Terminal instance(STDERR_FILENO);
  return instance;
}

int Terminal::width() const {
  winsize size{};
  if (::ioctl(descriptor_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

int Terminal::height() const {
  winsize size{};
  if (::ioctl(descriptor_, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

void Terminal::write_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (bar_.empty()) {
    write_all(line);
    return;
  }
  std::string out(kEraseLine);
  out += line;
  out += bar_;
  write_all(out);
}

void Terminal::draw_bar(std::string_view text) {
  if (!is_terminal_) return;
  const std::lock_guard lock(mutex_);
  std::string bar(cut(text, width() - 1));
  if (bar == bar_) return;
  bar_ = std::move(bar);
  // Overwrites in place and erases only what is left behind it, so nothing flickers.
  write_all("\r" + bar_ + "\033[K");
}

void Terminal::keep_bar() {
  const std::lock_guard lock(mutex_);
  if (bar_.empty()) return;
  bar_.clear();
  write_all("\n");
}

// A log that nobody can read (closed pipe, full disk) must not stop replication: errors other than
// an interruption end the attempt.
void Terminal::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace understudy
