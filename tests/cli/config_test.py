"""Configuration files: what is said of wrong ones, line and column; the schema; what a good one lists.

usage: config_test.py UNDERSTUDY TOP_FOLDER
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

PROGRAM, TOP = sys.argv[1], pathlib.Path(sys.argv[2])
DATABASE = '[[database]]\npath = "/d/a.db"\nrole = "publish"\n'
STANDBY = '[[database]]\npath = "/d/b.db"\nrole = "subscribe"\nfrom = "tcp://127.0.0.1:7700"\n'

# What is in the file -> the lines that are printed, without the file's name.
WRONG = {
    "": ["1:1: no database: write a table [[database]] with its path and its role"],
    "[database]\npath = 'x'\n":
        ["1:2: each database is a table: write [[database]], in double brackets"],
    "database = []\n": ["1:1: each database is a table: write [[database]], in double brackets"],
    "[[database]]\nrole = 'publish'\n":
        ['1:1: a database without a path: write path = "/where/it/is.db"'],
    "[[database]]\npath = 'x'\n":
        ['1:1: a database without a role: write role = "publish" or "subscribe"'],
    "[[database]]\npath = 'x'\nrole = 'primary'\n": ['3:1: role is "publish" or "subscribe"'],
    "[[database]]\npath = 'x'\nrole = 'subscribe'\n":
        ["1:1: whom to follow? give from, or all nodes with peers"],
    DATABASE + "keep-byte = 1\n": ['4:1: there is no key "keep-byte"; did you mean "keep-bytes"?'],
    DATABASE + "  Wal_Window = 1\n": ['4:3: there is no key "Wal_Window"; did you mean "wal-window"?'],
    DATABASE + "colour = 1\n": ['4:1: there is no key "colour"'],
    DATABASE + "help = true\n": ['4:1: there is no key "help"'],
    DATABASE + "log-level = 'info'\n": ['4:1: there is no key "log-level"'],
    DATABASE + "http = '127.0.0.1:7680'\nhttp-cert = '/none/cert.pem'\nhttp-key = '/none/key.pem'\n": [
        "5:1: http-cert /none/cert.pem: No such file or directory",
        "6:1: http-key /none/key.pem: No such file or directory"],
    DATABASE + "nice = 50\n": ["4:1: nice: Value 50 not in range 0 to 19"],
    DATABASE + "nice = 'much'\n": ["4:8: nice is a number, not a text"],
    DATABASE + "nice = 1.5\n": ["4:8: nice is a whole number"],
    DATABASE + "never-lock = 'yes'\n": ["4:14: never-lock is true or false, not a text"],
    DATABASE + "keep-age = 24\n": ["4:12: keep-age is a text, not a number"],
    DATABASE + "keep-age = 1979-05-27\n": ["4:12: keep-age is a text, not a date or time"],
    DATABASE + "keep-age = ['1h']\n": ["4:12: keep-age is a text, not a list"],
    DATABASE + "peers = [1]\n": ["4:9: peers is a text, or a list of them, not a list"],
    DATABASE + "peers = [['tcp://a:1']]\n": ["4:9: peers is a text, or a list of them, not a list"],
    DATABASE + "keep-bytes = true\n": ["4:14: keep-bytes is a text or a number, not true or false"],
    DATABASE + "keep-bytes = '12Q'\n":
        ["4:1: keep-bytes 12Q: not a size; write e.g. 4096, 64MiB or 1.5GiB"],
    DATABASE + "keep-age = 'long'\n":
        ["4:1: keep-age long: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d"],
    DATABASE + "sync-level = 'all'\n": ["4:1: sync-level all: write received, durable or applied"],
    DATABASE + "from = 'tcp://127.0.0.1:1'\n": ['4:1: from is for a database with role = "subscribe"'],
    STANDBY + "enable-wal = true\n": ['5:1: enable-wal is for a database with role = "publish"'],
    DATABASE + "[database.sync]\nlevle = 'durable'\n":
        ['5:1: there is no key "levle" in sync; did you mean "level"?'],
    DATABASE + "[database.sync]\nlevel.deep = 1\n": ["5:1: sync-level is a text, not a table"],
    DATABASE + "[database.snyc]\nlevel = 'durable'\n":
        ['4:11: there is no key "snyc"; did you mean "sync"?'],
    DATABASE + "sync-level = 'durable'\n[database.sync]\nlevel = 'durable'\n":
        ["6:1: sync-level is given in line 4 already"],
    DATABASE + DATABASE: [
        "5:1: path /d/a.db: /d/a.db has it already (line 2)",
        "4:1: state /d/a.db-understudy: /d/a.db has it already (line 1)",
        "4:1: listen: port 7600 is wanted twice, listen of /d/a.db has it already (line 1); a node "
        "listens on the port that `listen` names and the next"],
    DATABASE + STANDBY + "listen = 'tcp://127.0.0.1:7601'\n":
        ["8:1: listen: port 7601 is wanted twice, listen of /d/a.db has it already (line 1); a node "
         "listens on the port that `listen` names and the next"],
    DATABASE + "node = 'n'\n" + STANDBY.replace("7700", "7600") + "node = 'n'\n":
        ["9:1: node n: /d/a.db is of the same cluster and is called so too (line 1)"],
    "[defaults]\npath = 'x'\n" + DATABASE: ["2:1: path cannot be shared: put it below [[database]]"],
    "[defaults]\nkeep-age = 'q'\n" + DATABASE + STANDBY:
        ["2:1: keep-age q: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d"],
    "defaults = 1\n" + DATABASE: ["1:1: defaults is a table: write [defaults]"],
    "keep-age = '1h'\n" + DATABASE: ["1:1: keep-age belongs to a database: put it below [[database]], "
                                     "or below [defaults] for all of them"],
    "databse = 1\n" + DATABASE: ['1:1: there is no key "databse"; did you mean "database"?'],
    "[log]\nlevel = 'loud'\n" + DATABASE:
        ['2:9: the log\'s level is "debug", "info", "warning", "error" or "off"'],
    "log-format = 'xml'\n" + DATABASE: ['1:14: the log\'s format is "text" or "json"'],
    "[log]\nfile = 'x'\n" + DATABASE: ['2:1: there is no key "log-file"; the log has level and format'],
    # All of them at once.
    DATABASE + "nice = 50\nkeep-age = 'q'\nkeep-bytes = 'q'\ncolour = 1\n": [
        "4:1: nice: Value 50 not in range 0 to 19",
        "5:1: keep-age q: not a duration; write e.g. 500ms, 5s, 2m, 24h or 7d",
        "6:1: keep-bytes q: not a size; write e.g. 4096, 64MiB or 1.5GiB",
        '7:1: there is no key "colour"'],
}


class ConfigTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-config-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=30)

    def write(self, text):
        file = self.folder / "understudy.toml"
        file.write_text(text)
        return file

    def test_wrong_files_are_refused_with_line_and_column(self):
        for text, lines in WRONG.items():
            with self.subTest(text=text):
                file = self.write(text)
                checked = self.run_program("check-config", file)
                said = [line.removeprefix(f"{file}:") for line in checked.stderr.splitlines()]
                self.assertEqual(sorted(said), sorted(lines))
                self.assertEqual(checked.returncode, 2)
                self.assertEqual(checked.stdout, "")
                ran = self.run_program("run", "--config", file)
                self.assertEqual((ran.returncode, ran.stderr), (2, checked.stderr))
        print(f"understudy-count: wrong configuration files={len(WRONG)}")

    def test_what_is_no_toml_is_told_with_its_place(self):
        for text, place in (("x = \n", "1:5"), ("[a\n", "1:3"), ("a = 1\n\na = 2\n", "3:5")):
            checked = self.run_program("check-config", self.write(text))
            self.assertEqual(checked.returncode, 2)
            self.assertIn(f"understudy.toml:{place}: ", checked.stderr)

    def test_a_file_that_is_not_there(self):
        checked = self.run_program("check-config", self.folder / "none.toml")
        self.assertEqual(checked.returncode, 2)
        self.assertIn("none.toml", checked.stderr)

    def test_defaults_groups_and_relative_paths(self):
        file = self.write("[defaults]\nnode = 'db1'\nfrom = 'tcp://127.0.0.1:9000'\nnever-lock = true\n"
                          "keep-bytes = 1048576\n"
                          "[[database]]\npath = 'a.db'\nrole = 'publish'\nnever-lock = false\n"
                          "[database.sync]\nstandbys = 1\nlevel = 'applied'\n"
                          "[[database]]\npath = 'sub/../b.db'\nrole = 'subscribe'\n"
                          "[database.keep]\nage = '1h'\n")
        checked = self.run_program("check-config", file)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        rows = [line.split() for line in checked.stdout.splitlines()[1:]]
        self.assertEqual([row[:2] for row in rows], [[f"{self.folder}/a.db", "publish"],
                                                     [f"{self.folder}/b.db", "subscribe"]])

    def test_the_schema_is_what_the_options_say(self):
        made = self.run_program("check-config", "--schema").stdout
        kept = (TOP / "schemas/config.schema.json").read_text()
        self.assertEqual(json.loads(made), json.loads(kept),
                         "options changed: understudy check-config --schema > schemas/config.schema.json")

    def test_the_schema_knows_each_option_of_both_roles(self):
        schema = json.loads((TOP / "schemas/config.schema.json").read_text())
        database = schema["properties"]["database"]["items"]["properties"]
        for command in ("publish", "subscribe"):
            text = self.run_program(command, "--help").stdout
            options = {word.removeprefix("--").split(",")[0] for line in text.splitlines()
                       for word in line.split()[:1] if word.startswith("--")}
            self.assertGreater(len(options), 15)
            self.assertEqual(options - {"log-format", "log-level"} - set(database), set())

    def test_examples_are_well_and_fit_the_schema(self):
        schema = json.loads((TOP / "schemas/config.schema.json").read_text())
        examples = sorted((TOP / "deploy").rglob("*.toml"))
        self.assertTrue(examples)
        for example in examples:
            checked = self.run_program("check-config", example)
            if "database" in tomllib.loads(example.read_text()):
                self.assertEqual((checked.returncode, checked.stderr), (0, ""), example)
            else:  # what the package installs is to be filled in
                self.assertEqual(checked.stderr, f"{example}:1:1: {WRONG[''][0][5:]}\n")
                continue
            try:
                import jsonschema
            except ImportError:
                continue
            jsonschema.validate(tomllib.loads(example.read_text()), schema)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
