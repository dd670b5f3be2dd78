"""Proves the rules of the code base by reading it. Prints each breach; exit code 1 if there is one.

usage: check_architecture.py [TOP_FOLDER]
"""

import ast
import pathlib
import re
import sys
from typing import Iterator

import rooms
import source_text

SOURCE_FOLDERS = ("common", "publisher", "subscriber", "replay", "lease", "takeover", "doctor", "extension", "cli", "tests", "bench", "demo",
                  "dev.d", "schemas", "deploy", "docs", "cmake")
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 400
# What the extension may take from us: it is loaded into programs that have none of our libraries.
EXTENSION_HEADERS = re.compile(r"extension/|common/commit_page/(layout|futex|page_view)\.h$")
# path:function or path -> why it is longer. Aim: empty.
LENGTH_EXCEPTIONS: dict[str, str] = {}

# Third-party header (pattern) -> the only files that may include it (pattern).
HEADER_HOMES = {
    r"zmq\.hp?p?$": r"common/transport/",
    r"zmq_addon\.hpp$": r"common/transport/",
    r"msgpack(\.hpp|/)": (
        r"common/(record|transport)/\w+\.cpp$|"
        r"common/transport/message_(reader|writer)\.h$"),  # the codec's own, for message.cpp
    r"spdlog/": r"common/logging/",
    r"nlohmann/": r"(common/node|common/api|lease|cli)/\w+\.cpp$",
    r"httplib\.h$": r"(common/(node|http)|cli)/\w+\.cpp$",
    r"curl/": r"lease/etcd_gateway\.cpp$",
    r"openssl/": r"common/http/\w+\.cpp$",
    r"CLI/": r"cli/",
    r"systemd/": r"cli/service_notice\.cpp$",
    r"toml\+\+/": r"common/toml/",
    r"sqlite3\.h$": r"common/(sqlite|file|wal|backend)/",
    r"zstd\.h$": r"common/(record|snapshot)/\w+\.cpp$",
    r"xxhash\.h$": r"common/core/\w+\.cpp$",
}
# Raw file methods of SQLite: one mistake there loses a database, so they stay in two rooms.
RAW_METHODS_HOME = re.compile(r"common/(file|wal)/")
FORBIDDEN_NAMES = re.compile(r"util|helper|manager|misc", re.IGNORECASE)
FORBIDDEN_TYPES = re.compile(r"\b(?:class|struct)\s+\w*(?:Util|Helper|Manager)\w*")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|not imple" r"mented")
MACHINE_PATHS = re.compile(r"/(?:wo" r"rk|fa" r"rm)/|bash_" r"jobs|/tmp/s" r"rc")
ROOMS_WITH_README = ("common", "common/*", "publisher", "subscriber", "replay", "lease", "takeover", "doctor", "extension",
                     "cli", "tests", "bench",
                     "schemas", "deploy", "demo")


class Source:
    """One text file of the repository."""

    def __init__(self, top: pathlib.Path, path: pathlib.Path):
        self.path = path.relative_to(top)
        self.name = self.path.as_posix()
        self.text = path.read_text(errors="replace")
        self.is_cpp = path.suffix in (".h", ".cpp", ".hpp", ".cc")
        self.in_product = rooms.room_of(self.path) is not None


def read_sources(top: pathlib.Path) -> list[Source]:
    suffixes = {".h", ".cpp", ".hpp", ".cc", ".py", ".sh", ".md", ".sql", ".json", ".txt", ".cmake"}
    return [
        Source(top, path)
        for folder in SOURCE_FOLDERS
        for path in sorted((top / folder).rglob("*"))
        if path.is_file() and path.suffix in suffixes and "corpus" not in path.parts
    ]


def check_links(links: dict[str, set[str]]) -> Iterator[str]:
    for room, targets in sorted(links.items()):
        if room not in rooms.RANKS:
            yield f"room {room} has no rank in tests/architecture/rooms.py"
            continue
        for target in sorted(targets & rooms.RANKS.keys()):
            if rooms.RANKS[target] >= rooms.RANKS[room]:
                yield f"room {room} links to {target}, which is not below it"


def check_includes(source: Source, links: dict[str, set[str]]) -> Iterator[str]:
    if not source.is_cpp:
        return
    room = rooms.room_of(source.path)
    allowed = rooms.reachable(links, room) if room else None
    for header in source_text.includes(source.text):
        target = rooms.room_of(pathlib.PurePath(header))
        if allowed is not None and target in rooms.RANKS and target not in allowed:
            yield f"{source.name}: includes {header}, but room {room} does not link to {target}"
        if allowed is not None and re.match(r"(tests|bench)/", header):
            yield f"{source.name}: the product includes {header}"
        for pattern, home in HEADER_HOMES.items():
            if source.in_product and re.match(pattern, header) and not re.match(home, source.name):
                yield f"{source.name}: includes <{header}>, which belongs to {home} alone"


def check_extension(source: Source) -> Iterator[str]:
    if source.path.parts[0] == "extension" and source.is_cpp:
        for header in source_text.includes(source.text):
            if "/" in header and not re.match(r"sys/|linux/", header) and (
                    not EXTENSION_HEADERS.match(header)):
                yield f"{source.name}: the extension includes {header}"


def check_raw_methods(source: Source) -> Iterator[str]:
    if source.in_product and source.is_cpp and not RAW_METHODS_HOME.match(source.name):
        if "pMethods" in source_text.blank_literals(source.text):
            yield f"{source.name}: uses SQLite's raw file methods outside of common/file and common/wal"


def check_threads(source: Source) -> Iterator[str]:
    home = source.name == "common/core/thread_subject.h"
    if source.in_product and source.is_cpp and not home:
        text = source_text.blank_literals(source.text)
        if re.search(r"std::j?thread\s*[({]|\bthread_\(\[|\bthreads?_\.emplace_back\(\[", text):
            yield f"{source.name}: makes a thread by itself; start_thread() hands on whose work it does"


def functions_of(source: Source) -> Iterator[source_text.Function]:
    if source.is_cpp:
        yield from source_text.functions(source.text)
    elif source.path.suffix == ".py":
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield source_text.Function(node.name, node.lineno, node.end_lineno - node.lineno + 1)


def check_lengths(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    is_code = source.is_cpp or source.path.suffix in (".py", ".sh")
    if is_code and lines > MAX_FILE_LINES and source.name not in LENGTH_EXCEPTIONS:
        yield f"{source.name}: {lines} lines, more than {MAX_FILE_LINES}"
    for function in functions_of(source):
        known = f"{source.name}:{function.name}" in LENGTH_EXCEPTIONS
        if function.lines > MAX_FUNCTION_LINES and not known:
            yield (f"{source.name}:{function.first_line}: {function.name} has {function.lines} "
                   f"lines, more than {MAX_FUNCTION_LINES}")


def check_words(source: Source) -> Iterator[str]:
    if FORBIDDEN_NAMES.search(source.path.name):
        yield f"{source.name}: the file's name says nothing about its subject"
    if source.is_cpp:
        for match in FORBIDDEN_TYPES.finditer(source_text.blank_literals(source.text)):
            yield f"{source.name}: '{match.group()}' says nothing about its subject"
    for number, line in enumerate(source.text.split("\n"), 1):
        if UNFINISHED.search(line):
            yield f"{source.name}:{number}: unfinished work: {line.strip()}"
        if MACHINE_PATHS.search(line):
            yield f"{source.name}:{number}: a path of one machine: {line.strip()}"


def check_opening(source: Source) -> Iterator[str]:
    marks = {".py": ('"""', "#"), ".sh": ("#",)}
    opening = ("//",) if source.is_cpp else marks.get(source.path.suffix)
    own_header = f'#include "{source.path.parent.as_posix()}/'
    if source.path.suffix == ".cpp" and source.text.startswith(own_header):
        return  # its header says it
    if opening and not source.text.startswith(opening):
        yield f"{source.name}: does not open with a comment that says what it is for"


def check_readmes(top: pathlib.Path) -> Iterator[str]:
    for pattern in ROOMS_WITH_README:
        for folder in sorted(top.glob(pattern)):
            if folder.is_dir() and not (folder / "README.md").is_file():
                yield f"{folder.relative_to(top)}: has no README.md"


def check_all(top: pathlib.Path) -> list[str]:
    links = rooms.read_links(top)
    breaches = [*check_links(links), *check_readmes(top)]
    for source in read_sources(top):
        breaches += check_includes(source, links)
        breaches += check_extension(source)
        breaches += check_raw_methods(source)
        breaches += check_threads(source)
        breaches += check_lengths(source)
        breaches += check_words(source)
        breaches += check_opening(source)
    return breaches


def main() -> int:
    default = pathlib.Path(__file__).resolve().parents[2]
    top = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    breaches = check_all(top)
    for breach in breaches:
        print(breach)
    print(f"{len(read_sources(top))} files read, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
