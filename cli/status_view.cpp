#include "cli/status_view.h"

#include "common/logging/line_text.h"
#include "common/logging/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace understudy {
namespace {

enum class Paint { plain, bold, dim, green, yellow, red };

class Painter {
 public:
  explicit Painter(bool colours) : colours_(colours) {}

  [[nodiscard]] std::string operator()(Paint paint, std::string_view text) const {
    if (!colours_ || paint == Paint::plain) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code(paint), text);
  }

 private:
  static std::string_view code(Paint paint) {
    constexpr std::string_view kCodes[] = {"0", "1", "2", "32", "33", "31"};
    return kCodes[static_cast<int>(paint)];
  }
  bool colours_;
};

Paint paint_of(NodeState state) {
  switch (state) {
    case NodeState::publishing:
    case NodeState::streaming:
      return Paint::green;
    case NodeState::failed:
    case NodeState::stalled:
      return Paint::red;
    case NodeState::stopped:
      return Paint::dim;
    default:
      return Paint::yellow;
  }
}

Paint paint_of_lag(double seconds) {
  constexpr double kMuch_s = 10;  // as the page and docs/OPERATING.md have it
  return seconds < 1 ? Paint::green : seconds < kMuch_s ? Paint::plain : Paint::yellow;
}

std::string state_words(NodeState state) {
  std::string words(to_string(state));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

// 1234567 → "1,234,567"
std::string grouped(std::uint64_t number) {
  const auto digits = fmt::format("{}", number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

// As nodes measure it: to the millisecond.
std::string lag_text(double seconds) {
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  return seconds < 9.95 ? fmt::format("{:.1f} s", seconds) : format_seconds(seconds);
}

std::string with_bars(std::string text, std::string_view bars) {
  if (!bars.empty()) text += fmt::format("  {}", bars);
  return text;
}

class Table {
 public:
  explicit Table(const Painter& painter) : painter_(painter) {}

  void row(std::string_view name, std::string_view value, Paint paint = Paint::plain) {
    const auto label = painter_(Paint::dim, fmt::format("{:<10}", name));
    text_ += fmt::format("  {} {}\n", label, painter_(paint, log::escape_control(value)));
  }
  void line(std::string_view line) { text_ += fmt::format("{}\n", line); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const Painter& painter_;
  std::string text_;
};

void add_identity(const Status& status, Table& table) {
  auto node = status.node;
  if (status.pid != 0) {
    node += fmt::format("  pid {}, up {}, version {}", status.pid,
                        format_seconds(status.uptime_seconds), status.version);
  }
  table.row("node", node);
  table.row("stream", status.stream_id.is_nil() ? "not known yet" : status.stream_id.to_string());
  table.row("position", status.position.to_string(), Paint::bold);
}

void add_rate(const Status& status, const LiveView& live, Table& table) {
  if (!live.rate || status.state == NodeState::stopped) return;
  table.row("rate",
            with_bars(fmt::format("{:<20}", fmt::format("{:.0f} transactions/s", *live.rate)),
                      live.rate_bars));
}

void add_queue(const Status& status, Table& table) {
  if (status.backend) {
    const auto& backend = *status.backend;
    const auto held = backend.last_seq + 1 - backend.first_seq;
    table.row("backend", held == 0 ? "empty"
                                   : fmt::format("{} transactions ({} to {}), {}", grouped(held),
                                                 backend.first_seq, backend.last_seq,
                                                 format_bytes(backend.bytes)));
  }
  if (status.snapshot) {
    const auto& snapshot = *status.snapshot;
    table.row("snapshot", fmt::format("of {} ({}), {}{}", snapshot.seq, snapshot.time,
                                      format_bytes(snapshot.bytes),
                                      status.snapshot_progress ? "; the next is being taken" : ""));
  }
  if (status.archive && status.archive->last_seq) {
    const auto& archive = *status.archive;
    const auto behind = archive.behind_transactions.value_or(0);
    table.row("archive",
              behind == 0
                  ? fmt::format("all is in {}", archive.directory)
                  : fmt::format("{} transactions behind ({}, {}), {}", grouped(behind),
                                format_bytes(archive.behind_bytes.value_or(0)),
                                lag_text(archive.behind_seconds.value_or(0)), archive.directory));
  }
  if (status.wal) {
    table.row("wal", fmt::format("{}, {} frames, {} resets, {} checkpoints of ours",
                                 status.wal->state, grouped(status.wal->frames),
                                 grouped(status.wal->resets), grouped(status.wal->checkpoints)));
  }
}

void add_endpoints(const Status& status, Table& table) {
  if (!status.from.empty()) table.row("from", fmt::format("{}", fmt::join(status.from, ", ")));
  if (status.listen.empty()) return;
  table.row("listen", status.listen + " (requests on the next port)");
}

void add_lag(const Status& status, const LiveView& live, Table& table) {
  if (status.lag_transactions) {
    const auto behind = *status.lag_transactions;
    const auto text = fmt::format("{}, {} transactions behind",
                                  lag_text(status.lag_seconds.value_or(0)), grouped(behind));
    table.row("lag", with_bars(fmt::format("{:<20}", text), live.lag_bars),
              paint_of_lag(status.lag_seconds.value_or(0)));
  }
  if (const auto& seqs = status.progression) {
    table.row("received", fmt::format("{}, durable {}, applied {}", grouped(seqs->received),
                                      grouped(seqs->durable), grouped(seqs->applied)));
  }
  if (status.primary_seq) {
    table.row("primary", fmt::format("at {}", grouped(*status.primary_seq)));
  } else if (status.state != NodeState::stopped) {
    table.row("primary", "not heard of yet", Paint::yellow);
  }
}

using Cells = std::array<std::string, 6>;

Cells cells_of(const StandbyStatus& standby) {
  const bool is_here = standby.state != NodeState::stopped;
  return {log::escape_control(standby.name).substr(0, 40),
          is_here ? state_words(standby.state) : "disconnected",
          grouped(standby.seqs.received),
          grouped(standby.seqs.durable),
          grouped(standby.seqs.applied),
          is_here ? lag_text(standby.lag_seconds) : "-"};
}

void add_standbys(const Status& status, const LiveView& live, const Painter& painter,
                  Table& table) {
  if (status.role == NodeRole::standby && status.standbys.empty()) return;
  if (status.state == NodeState::stopped) return;
  table.line("");
  if (status.standbys.empty()) {
    table.line(painter(Paint::dim, "  no standby is connected"));
    return;
  }
  std::vector<Cells> cells = {{"STANDBY", "STATE", "RECEIVED", "DURABLE", "APPLIED", "LAG"}};
  for (const auto& standby : status.standbys) cells.push_back(cells_of(standby));
  std::array<std::size_t, 6> width{};
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& row = cells[i];
    const auto paint = i == 0 ? Paint::plain : paint_of(status.standbys[i - 1].state);
    auto line = fmt::format("  {:<{}}  {}  {:>{}}  {:>{}}  {:>{}}  {:>{}}", row[0], width[0],
                            painter(paint, fmt::format("{:<{}}", row[1], width[1])), row[2],
                            width[2], row[3], width[3], row[4], width[4], row[5], width[5]);
    if (i > 0) {
      const auto bars = live.lag_bars_of.find(status.standbys[i - 1].name);
      if (bars != live.lag_bars_of.end()) line = with_bars(std::move(line), bars->second);
    }
    table.line(i == 0 ? painter(Paint::dim, line) : line);
  }
}

}  // namespace

std::string render_status(const Status& status, bool colours, const LiveView& live) {
  const Painter painter(colours);
  Table table(painter);
  table.line(fmt::format("{}  {} {}{}", painter(Paint::bold, log::escape_control(status.database)),
                         to_string(status.role),
                         painter(paint_of(status.state), state_words(status.state)),
                         status.is_fenced ? painter(Paint::yellow, ", fenced") : ""));
  for (const auto& warning : status.warnings) table.row("warning", warning, Paint::yellow);
  if (!status.last_error.empty()) table.row("last error", status.last_error, Paint::red);
  add_identity(status, table);
  add_rate(status, live, table);
  if (status.role == NodeRole::standby) add_lag(status, live, table);
  add_queue(status, table);
  add_endpoints(status, table);
  add_standbys(status, live, painter, table);
  return table.take();
}

std::string render_status_line(const Status& status, std::optional<double> rate) {
  auto line = fmt::format("{} {} {}", to_string(status.role), to_string(status.state),
                          status.position.to_string());
  if (rate) line += fmt::format(", {:.0f} transactions/s", *rate);
  if (status.lag_transactions) {
    line += fmt::format(", {} behind, lag {}", *status.lag_transactions,
                        lag_text(status.lag_seconds.value_or(0)));
  }
  if (status.role == NodeRole::primary && status.state != NodeState::stopped) {
    double worst = 0;
    std::size_t here = 0;
    for (const auto& standby : status.standbys) {
      if (standby.state == NodeState::stopped) continue;
      worst = std::max(worst, standby.lag_seconds);
      ++here;
    }
    line += fmt::format(", {} standby{}", here, here == 1 ? "" : "s");
    if (here > 0) line += fmt::format(", worst lag {}", lag_text(worst));
  }
  return line;
}

std::string fit_screen(const std::string& text, int columns, int lines) {
  std::string out;
  int used = 0, line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      if (++line > lines) break;
      used = 0;
      out += text[i];
    } else if (byte == '\033') {
      const auto end = std::min(text.find('m', i), text.size() - 1);
      out.append(text, i, end - i + 1);
      i = end;
    } else {
      if ((byte & 0xc0) != 0x80) ++used;  // the first byte of a character
      if (used <= columns) out += text[i];
    }
  }
  return out;
}

}  // namespace understudy
