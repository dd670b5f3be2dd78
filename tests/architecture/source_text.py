"""Reads C++ sources as far as the rules need: without comments and literals, includes, functions.

Not a parser: it counts braces. What it must get right is that a long function is seen as long.
"""

import re
from typing import Iterator, NamedTuple

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
_TOKEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | R"(?P<raw>[^()\s\\]{0,16})\(.*?\)(?P=raw)" | "(?:\\.|[^"\\\n])*" |
        (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+' """,
    re.VERBOSE | re.DOTALL,
)
_SCOPE = re.compile(r'\b(namespace|class|struct|union|enum)\b|\bextern\s*$')


class Function(NamedTuple):
    name: str
    first_line: int
    lines: int


def blank_literals(text: str) -> str:
    """The text with comments and literals replaced by spaces; every newline stays."""
    return _TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def includes(text: str) -> list[str]:
    return [match.group(2) for match in INCLUDE.finditer(text)]


def _head_of(code: str, brace: int) -> str:
    start = max(code.rfind(mark, 0, brace) for mark in ";{}")
    lines = code[start + 1 : brace].split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _opens_function(head: str) -> bool:
    if "(" not in head:
        return False
    before_parameters = head[: head.index("(")]
    return not _SCOPE.search(before_parameters) and "=" not in before_parameters.replace(
        "operator", ""
    ).replace("==", "")


def _end_of_block(code: str, brace: int) -> int:
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, brace):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)


def functions(text: str) -> Iterator[Function]:
    """Functions at namespace or class level; what is inside them counts as theirs."""
    code = blank_literals(text)
    at = code.find("{")
    while at >= 0:
        head = _head_of(code, at)
        if _opens_function(head):
            end = _end_of_block(code, at)
            begin = at - len(head.lstrip())
            name = re.findall(r"[~\w:]+", head[: head.index("(")] or "?")[-1:] or ["operator"]
            first, last = code.count("\n", 0, begin) + 1, code.count("\n", 0, end) + 1
            yield Function(name[0], first, last - first + 1)
            at = end
        at = code.find("{", at + 1)
