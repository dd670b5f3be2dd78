"""The demo's screen: a live table on a terminal, one plain line a second elsewhere. Never blocks."""

import os
import shutil
import sys
import time

BOLD, DIM, GREEN, YELLOW, RED, CYAN, OFF = (
    "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m", "\033[36m", "\033[0m")
STATE_COLOURS = {"publishing": CYAN, "streaming": GREEN, "killed": RED, "lost": RED, "stopped": DIM}
BAR_CELLS = 24
TABLE_COLUMNS = 58  # without the bar


class Row:
    """What the screen shows of one node."""

    def __init__(self, name: str):
        self.name = name
        self.state = "starting"
        self.seq: int | None = None
        self.lag_seconds: float | None = None

    def update(self, status: dict | None, gone: str | None = None) -> None:
        """`gone`: what to show instead of the state of a node that does not run."""
        if gone:
            self.state, self.lag_seconds = gone, None
        elif status is not None:
            self.state = status.get("state", "?")
            self.seq = status.get("seq", self.seq)
            self.lag_seconds = status.get("lag_seconds")


def show_lag(seconds: float | None) -> str:
    """The nodes tell it in milliseconds."""
    if seconds is None:
        return "–"
    if seconds < 0.001:
        return "< 1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


class Text:
    """A line of coloured pieces that can be cut: a line that wraps would spoil the next redraw."""

    def __init__(self, *pieces: tuple[str, str]):
        self.pieces = pieces

    def cut(self, columns: int, colours: bool) -> str:
        out, left = "", columns
        for colour, text in self.pieces:
            text = text[:left]
            left -= len(text)
            out += f"{colour}{text}{OFF}" if colour and colours else text
        return out


class Screen:
    """Shows rows (one of them, the leader, is the primary's) and the latest event."""

    def __init__(self, rows: list[Row], total_seconds: float, title: str):
        self.rows = rows
        self.leader = rows[0]
        self.title = title
        self.total_seconds = total_seconds
        self.event = ""
        self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._live and not os.environ.get("NO_COLOR")
        self._is_over = False
        self._started_at = time.monotonic()
        self._drawn_lines = 0
        self._plain_at = 0.0
        self._first_seq: int | None = None

    def elapsed(self) -> float:
        return time.monotonic() - self._started_at

    def tell(self, event: str) -> None:
        self.event = event
        if not self._live:
            print(f"{self.elapsed():5.1f} s  {event}", flush=True)

    def draw(self) -> None:
        if self._live:
            self._draw_table()
        elif self.elapsed() >= self._plain_at:
            self._plain_at = self.elapsed() + 1
            print(f"{self.elapsed():5.1f} s  " + " | ".join(map(self._plain, self.rows)), flush=True)

    def paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{OFF}" if self._colours else text

    def columns(self) -> int:
        """How wide a line may be; a file or a pipe takes any."""
        return shutil.get_terminal_size().columns - 1 if self._live else 1000

    def finish(self) -> None:
        """Leaves the last picture where it is; what is printed next stands below it."""
        if self._drawn_lines:
            self._is_over = True
            self.draw()
        self._drawn_lines = 0
        print(flush=True)

    def _behind(self, row: Row) -> int:
        return max(0, (self.leader.seq or 0) - (row.seq or 0))

    def _plain(self, row: Row) -> str:
        text = f"{row.name} {row.state} seq {row.seq if row.seq is not None else '–'}"
        if row is not self.leader:
            text += f" ({self._behind(row)} behind, lag {show_lag(row.lag_seconds)})"
        return text

    def _bar(self, row: Row, cells: int) -> str:
        """How much of the primary's transactions of this demo the node shows."""
        top = self.leader.seq or 0
        if self._first_seq is None and top:
            self._first_seq = top
        first = self._first_seq or 0
        share = ((row.seq or 0) - first) / (top - first) if top > first else 0
        filled = round(cells * min(1, max(0, share)))
        return "█" * filled + "░" * (cells - filled)

    def _table_row(self, row: Row, bar_cells: int) -> Text:
        colour = STATE_COLOURS.get(row.state, YELLOW)
        seq = f"{row.seq:,}" if row.seq is not None else "–"
        primary = row is self.leader
        behind = "" if primary else f"{self._behind(row):,}"
        lag = "" if primary else show_lag(row.lag_seconds)
        return Text((BOLD, f"  {row.name:<11}"), (colour, f"{row.state:<14}"),
                    ("", f"{seq:>10}{behind:>10}{lag:>11}   "), (colour, self._bar(row, bar_cells)))

    def _draw_table(self) -> None:
        columns = shutil.get_terminal_size().columns - 1
        width = min(columns, TABLE_COLUMNS + 3 + BAR_CELLS)
        bar_cells = max(0, width - TABLE_COLUMNS - 3)
        done = 1.0 if self._is_over else min(1.0, self.elapsed() / self.total_seconds)
        line = "━" * round((width - 2) * done)
        rest = "━" * (width - 2 - len(line))
        what = f"  {self.title}"
        room = width - len("  Understudy")
        lines = [
            Text(),
            Text((BOLD, "  Understudy"),
                 ("", f"{what[:room - 9]:<{room - 9}}{self.elapsed():>7.1f} s")),
            Text((CYAN, f"  {line}"), (DIM, rest)),
            Text((DIM, f"  {'node':<11}{'state':<14}{'seq':>10}{'behind':>10}{'lag':>11}")),
            *(self._table_row(row, bar_cells) for row in self.rows),
            Text(),
            Text(("", f"  {self.event}")),
        ]
        up = f"\033[{self._drawn_lines}A" if self._drawn_lines else ""
        sys.stdout.write(up + "".join(
            f"\033[2K{text.cut(columns, self._colours)}\n" for text in lines))
        sys.stdout.flush()
        self._drawn_lines = len(lines)
