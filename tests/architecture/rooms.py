"""The rooms of the repository and who may use whom, as their CMakeLists.txt say it."""

import pathlib
import re

# A room links only to rooms of lower rank, so publisher, subscriber and replay never know each other.
RANKS = {
    "core": 0, "page": 0,
    "logging": 1, "metering": 1, "toml": 1, "file": 1, "sqlite": 1,
    "wal": 2, "record": 2, "commit_page": 2, "security": 2,
    "backend": 3, "transport": 3,
    "serving": 4, "orphans": 4, "keys": 4,
    "cluster": 5, "replica": 5, "snapshot": 5,
    "http": 2,
    "archive": 6,
    "node": 7,
    "publisher": 8, "subscriber": 8, "replay": 8, "api": 8, "lease": 8,
    "takeover": 9,
    "doctor": 10,
    "cli": 11,
}
_ROOM = re.compile(
    r"(?:understudy_room\(\s*|target_link_libraries\(\s*understudy_)(\w+)\s*([^)]*)\)")
NOT_A_ROOM = {"options", "bench", "test_main"}


def room_of(path: pathlib.PurePath) -> str | None:
    """The room that a source belongs to, by its path from the top; None outside of all rooms."""
    if path.parts[0] == "common" and len(path.parts) > 2:
        return path.parts[1]
    return path.parts[0] if path.parts[0] in ("publisher", "subscriber", "replay", "lease", "takeover", "doctor", "cli") else None


def read_links(top: pathlib.Path) -> dict[str, set[str]]:
    """Room -> rooms that it links to directly."""
    links = {}
    for listing in [*top.glob("common/*/CMakeLists.txt"), *top.glob("*/CMakeLists.txt")]:
        for name, dependencies in _ROOM.findall(listing.read_text()):
            targets = set(re.findall(r"understudy_(\w+)", dependencies)) - NOT_A_ROOM
            if name not in NOT_A_ROOM:
                links.setdefault(name, set()).update(targets)
    return links


def reachable(links: dict[str, set[str]], room: str) -> set[str]:
    """The room itself and everything it links to, directly or not."""
    seen, waiting = set(), [room]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(links.get(current, ()))
    return seen
