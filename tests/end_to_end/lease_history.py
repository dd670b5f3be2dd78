"""Is the history of a cluster one that a single database could have had? The judge of the nemesis; it
knows nothing of the product: only what applications were told, and when, and what the sqlite3 program
reads in the end.

What survived stands in the order of its rowids. Each row was committed at some instant between its
begin and its end. So:
 - real time: no row that ended before another one began stands behind it. Were two databases written to
   at once, one's rows would stand before rows of the other that ended sooner.
 - orphans (acknowledged, and not there): none where commits wait.
 - tenures, where commits do not wait: each time that another database takes writes than before is a tenure
   of its own, and has an epoch of its own; were two written to at once, they would take turns row by row.
"""

from typing import Iterable, NamedTuple


class Row(NamedTuple):
    token: str
    database: str
    begin: float
    end: float


def parse_journal(text: str, database: str) -> list[Row]:
    """Without a last line that a kill left unfinished: it was not told to anybody."""
    rows = [line.split("\t") for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [Row(token, database, float(begin), float(end)) for token, begin, end in rows]


def out_of_order(surviving: list[Row]) -> list[tuple[Row, Row]]:
    """Pairs (earlier in the file, later in the file) of which the later one had ended before the
    earlier one was begun. `surviving` is in the order of the file."""
    found, latest_begin = [], None
    for row in surviving:
        if latest_begin is not None and row.end < latest_begin.begin:
            found.append((latest_begin, row))
        if latest_begin is None or row.begin > latest_begin.begin:
            latest_begin = row
    return found


def tenures(acknowledged: Iterable[Row]) -> int:
    """How often, in the order of time, another database took writes than the one before."""
    changes, last = 0, None
    for row in sorted(acknowledged, key=lambda row: row.end):
        changes += row.database != last
        last = row.database
    return changes


def judge(acknowledged: list[Row], tokens_in_order: list[str], epochs: int, orphans_allowed: bool) -> list[str]:
    """What is wrong; empty: nothing. `epochs`: how many the lease store gave out."""
    by_token = {row.token: row for row in acknowledged}
    there = set(tokens_in_order)
    surviving = [by_token[token] for token in tokens_in_order if token in by_token]
    orphans = [row for row in acknowledged if row.token not in there]
    wrong = [f"{later} had ended before {earlier} was begun, and stands behind it"
             for earlier, later in out_of_order(surviving)]
    if len(there) != len(tokens_in_order):
        wrong.append("a row stands there twice")
    if not orphans_allowed and orphans:
        wrong.append(f"{len(orphans)} of {len(acknowledged)} acknowledged rows are gone, such as {orphans[0]}")
    if orphans_allowed and tenures(acknowledged) > epochs:
        wrong.append(f"writes went {tenures(acknowledged)} times to another database, in {epochs} epochs")
    return wrong
