"""Completions and manual pages know every command and option that --help knows, and are what their readers
take: a shell's syntax, and what bash really offers; roff without warnings.

usage: self_description_test.py PROGRAM TOP_FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, TOP = sys.argv[1], pathlib.Path(sys.argv[2])
NODE_COMMANDS = ("publish", "subscribe")


def said_by(*arguments: str) -> str:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True).stdout


def commands() -> list[str]:
    listed = said_by("--help").split("Commands:")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z][a-z-]+) ", listed, re.MULTILINE)


def options_of(command: str) -> list[str]:
    return sorted(set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", said_by(command, "--help"), re.MULTILINE)))


class SelfDescriptionTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def page(self, name: str) -> pathlib.Path:
        made = self.folder / name
        subprocess.run([sys.executable, TOP / "deploy/man/fill_in.py", PROGRAM, "1.2.3", TOP / f"deploy/man/{name}.in", made],
                       check=True)
        return made

    def test_help_is_understood(self):
        self.assertGreater(len(commands()), 10)
        self.assertIn("--listen", options_of("publish"))

    def test_completions_know_all(self):
        for shell in ("bash", "zsh", "fish"):
            script = said_by("completion", shell)
            for command in commands():
                self.assertIn(command, script)
                for option in options_of(command):
                    name = f"-l {option[2:]} " if shell == "fish" else option
                    self.assertIn(name, script, f"{shell}: {command} {option}")

    def test_shells_read_them(self):
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                script = self.folder / shell
                script.write_text(said_by("completion", shell))
                subprocess.run([shell, "-n", script], check=True)

    def offered(self, *words: str) -> list[str]:
        """What bash offers for the last word."""
        script = self.folder / "script"
        script.write_text(said_by("completion", "bash") + f"""
COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
_understudy 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
""")
        return subprocess.run(["bash", script], capture_output=True, text=True, check=True,
                              cwd=self.folder).stdout.split()

    def test_what_bash_offers(self):
        self.assertEqual(self.offered("understudy", "pub"), ["publish"])
        self.assertEqual(self.offered("understudy", "publish", "a.db", "--sync-level", "d"), ["durable"])
        self.assertEqual(self.offered("understudy", "publish", "--listen", ""), [])
        self.assertEqual(sorted(self.offered("understudy", "status", "--js")), ["--json"])
        self.assertEqual(self.offered("understudy", "orphans", "x.db", "exp"), ["export"])
        (self.folder / "app.db").touch()
        self.assertEqual(self.offered("understudy", "verify", "app"), ["app.db"])

    def test_manual_knows_all_commands(self):
        text = self.page("understudy.1").read_text().replace("\\-", "-")
        for command in commands():
            self.assertIn(f".SS {command}\n", text)
            part = text.split(f".SS {command}\n")[1].split("\n.S")[0]
            for option in options_of(command):
                self.assertRegex(part, re.escape(f"\\fB{option}\\fR"), command)

    def test_manual_knows_all_keys(self):
        text = self.page("understudy.toml.5").read_text().replace("\\-", "-")
        for command in NODE_COMMANDS:
            for option in options_of(command):
                if option != "--help":
                    self.assertIn(f"\\fB{option[2:]}\\fR", text)

    def test_manuals_are_roff(self):
        for name in ("understudy.1", "understudy.toml.5"):
            if shutil.which("man"):
                shown = subprocess.run(["man", "--warnings", "-l", str(self.page(name))], capture_output=True, text=True,
                                       check=True, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": "100"})
                self.assertEqual(shown.stderr, "")
                self.assertIn("SEE ALSO", shown.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
