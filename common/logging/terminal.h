// Terminal: a stream that may be a terminal, with one bar line at its bottom.
//
// Question answered: how do log lines and a progress bar share one terminal without tearing each
// other? Both write through here: a line erases the bar, goes out, and the bar is drawn below it.
// Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace understudy {

class Terminal {
 public:
  // `descriptor` stays open and is not closed.
  explicit Terminal(int descriptor);
  static Terminal& standard_error();

  [[nodiscard]] bool is_terminal() const { return is_terminal_; }
  // A terminal, and the user did not ask for plain output (NO_COLOR, TERM=dumb).
  [[nodiscard]] bool colours() const { return colours_; }
  [[nodiscard]] int width() const;   // columns; 80 when unknown
  [[nodiscard]] int height() const;  // lines; 24 when unknown

  // Writes `line`, which ends with a line break, above the bar.
  void write_line(std::string_view line);
  // Draws the bar over the former one; `text` is cut to the width. Nothing when not a terminal.
  void draw_bar(std::string_view text);
  // Leaves the bar as an ordinary line, and starts a new one.
  void keep_bar();

 private:
  void write_all(std::string_view bytes);

  std::mutex mutex_;
  int descriptor_;
  bool is_terminal_;
  bool colours_;
  std::string bar_;  // what the bottom line shows; empty: none
};

}  // namespace understudy
