"""Makes the page of its parts: index.html with page.css and script/*.js inside, and what docs/OPERATING.md says of log
events and runbooks. The build embeds the result in the program; the tests' fixture server serves it as it is.

usage: assemble.py HEADER     writes the C++ header with the page and its Content-Security-Policy
"""

import base64
import dataclasses
import hashlib
import json
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
OPERATING = FOLDER.parents[1] / "docs/OPERATING.md"
# In this order: what is used at once stands before its user.
SCRIPTS = ("words", "cluster", "conditions", "tracks", "figures_view", "nodes_view", "events_view", "connection", "page")


@dataclasses.dataclass(frozen=True)
class Page:
    """What the HTTP server answers at `/`, with the headers that belong to it."""
    html: str
    policy: str  # Content-Security-Policy


def without_comments(text: str) -> str:
    """Lines that are comments, and indentation, are for readers of the source."""
    text = re.sub(r"^\s*/\*.*?\*/\n?", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(re.sub(r"\s\s// .*$", "", line) for line in lines if line and not line.startswith("//")) + "\n"


def without_blanks(style: str) -> str:
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r": ", ":", style))


def blocks_of(markdown: str) -> list[str]:
    """Paragraphs, list items, and fenced code with each line indented by four blanks."""
    blocks: list[str] = []
    for part in re.split(r"^```\n(.*?)^```\n", markdown, flags=re.DOTALL | re.MULTILINE):
        if len(blocks) and part is not None and blocks[-1] == "\0":
            blocks[-1] = "\n".join(f"    {line}" for line in part.rstrip("\n").split("\n"))
            continue
        for paragraph in re.split(r"\n\s*\n", part):
            blocks += [item for item in re.split(r"^(?=- )", paragraph.strip("\n"), flags=re.MULTILINE) if item.strip()]
        blocks.append("\0")
    return [block for block in blocks if block != "\0"]


def title_of(block: str) -> str | None:
    found = re.match(r"(?:- )?\*\*(.+?)\*\*", block)
    return found.group(1).rstrip(".") if found else None


def flowed(block: str) -> str:
    return block if block.startswith("    ") else " ".join(block.split())


def runbooks_of(markdown: str) -> dict[str, list[str]]:
    """Title -> paragraphs, of all that begins with its title in bold. Tables are left out."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for block in blocks_of(markdown):
        title = title_of(block)
        if title or block.startswith(("#", "|", "- ")):
            current = found.setdefault(title, []) if title else []
        current.append(flowed(re.sub(r"^(?:- )?\*\*(.+?)\*\*\s*", r"**\1** ", block)))
    return found


def events_of(markdown: str) -> dict[str, list[str]]:
    """Event -> [meaning, what to do], from the table of log events; of infos only those that ask for something."""
    section = markdown.split("\n## Log events\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) < 3 or not re.fullmatch(r"[a-z_, ]+", cells[0]) or cells[0] == "event":
            continue
        todo = cells[3].strip(" |") if len(cells) > 3 else ""
        if cells[1] == "info" and not todo:
            continue
        for name in cells[0].split(", "):
            found[name] = [cells[2].strip(" |"), todo] if todo else [cells[2].strip(" |")]
    return found


def script_constants(conditions: str, markdown: str) -> str:
    """The runbooks that conditions.js names, and the events, as two constants. Raises when a runbook is not there."""
    all_runbooks = runbooks_of(markdown)
    for title in re.findall(r"runbook: '([^']+)'", conditions):
        if title not in all_runbooks:
            raise SystemExit(f"assemble.py: conditions.js names the runbook '{title}', but {OPERATING} has no **{title}.**")
    runbooks = {title: text for title, text in all_runbooks.items() if f"'{title}'" in conditions}
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    return "".join(f"const {name} = {json.dumps(value, **compact)};\n".replace("</", "<\\/")
                   for name, value in (("RUNBOOKS", runbooks), ("EVENTS", events_of(markdown))))


def hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy_of(script: str, style: str) -> str:
    """Nothing from elsewhere, nothing inline but these two texts, no requests but to the node itself."""
    return "; ".join((
        "default-src 'none'", f"script-src {hash_source(script)}", f"style-src {hash_source(style)}", "img-src data:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'"))


def assemble() -> Page:
    """The whole page. The texts between the tags are what the policy's hashes are of."""
    style = without_blanks(without_comments((FOLDER / "page.css").read_text()))
    parts = {name: (FOLDER / f"script/{name}.js").read_text() for name in SCRIPTS}
    script = ("'use strict';\n{\n" + script_constants(parts["conditions"], OPERATING.read_text()) +
              "".join(map(without_comments, parts.values())) + "}\n")
    html = (FOLDER / "index.html").read_text().replace("@STYLE@", style).replace("@SCRIPT@", script)
    return Page(html, policy_of(script, style))


def header_text(page: Page) -> str:
    def literal(text: str) -> str:
        # Compilers limit one literal; neighbours become one text.
        pieces = [text[at:at + 4000] for at in range(0, len(text), 4000)]
        return "\n".join(f'R"page({piece})page"' for piece in pieces)

    return ("// Made by common/page/assemble.py of the parts in common/page and docs/OPERATING.md.\n#pragma once\n\n"
            "#include <string_view>\n\nnamespace understudy {\n\n"
            f"inline constexpr std::string_view kAssembledHtml =\n{literal(page.html)};\n"
            f"inline constexpr std::string_view kAssembledPolicy = {literal(page.policy)};\n\n"
            "}  // namespace understudy\n")


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(header_text(assemble()))
