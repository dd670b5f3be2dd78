"""Negative control of the architecture rules: each rule is seen to catch a breach of it.

Builds a small tree that keeps all rules, then breaks one rule at a time.
"""

import pathlib
import tempfile
import unittest

import check_architecture
import source_text

GOOD_TREE = {
    "common/core/CMakeLists.txt": "understudy_room(core fmt::fmt)\n",
    "common/core/types.h": "// The words.\n#pragma once\n",
    "common/wal/CMakeLists.txt": "understudy_room(wal understudy_core)\n",
    "common/wal/index.cpp": '// The index.\n#include "common/core/types.h"\nint f() { return 1; }\n',
    "publisher/CMakeLists.txt": "understudy_room(publisher understudy_wal)\n",
    "publisher/tail.h": '// The tail.\n#include "common/wal/index.h"\n',
    "subscriber/CMakeLists.txt": "understudy_room(subscriber understudy_wal)\n",
    "subscriber/replica.h": "// The replica.\n",
    "README.md": "A tree.\n",
    **{f"{room}/README.md": "A room.\n"
       for room in ("common", "common/core", "common/wal", "publisher", "subscriber")},
}


def long_function(lines: int) -> str:
    return "// Long.\nint f(int a) {\n" + "  ++a;\n" * (lines - 3) + "  return a;\n}\n"


class RulesCatchBreaches(unittest.TestCase):
    def breaches_with(self, **changes: str) -> list[str]:
        """The breaches of the good tree after writing `changes` (path -> content)."""
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for name, text in {**GOOD_TREE, **changes}.items():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text(text)
            return check_architecture.check_all(top)

    def assert_caught(self, phrase: str, name: str, text: str) -> None:
        breaches = self.breaches_with(**{name: text})
        self.assertEqual(len(breaches), 1, breaches)
        self.assertIn(phrase, breaches[0])

    def test_good_tree_has_no_breach(self):
        self.assertEqual(self.breaches_with(), [])

    def test_publisher_must_not_include_subscriber(self):
        self.assert_caught("does not link to subscriber", "publisher/capture.cpp",
                           '// Capture.\n#include "subscriber/replica.h"\n')

    def test_common_must_not_include_publisher(self):
        self.assert_caught("does not link to publisher", "common/core/words.cpp",
                           '// Words.\n#include "publisher/tail.h"\n')

    def test_room_must_not_link_upwards(self):
        self.assert_caught("not below it", "common/core/CMakeLists.txt",
                           "understudy_room(core understudy_wal)\n")

    def test_links_of_a_library_without_understudy_room(self):
        self.assert_caught("not below it", "common/core/CMakeLists.txt",
                           "target_link_libraries(understudy_core PUBLIC understudy_wal fmt)\n")

    def test_unknown_room_needs_a_rank(self):
        breaches = self.breaches_with(**{"common/attic/CMakeLists.txt": "understudy_room(attic)\n",
                                         "common/attic/README.md": "An attic.\n"})
        self.assertEqual(breaches, ["room attic has no rank in tests/architecture/rooms.py"])

    def test_third_party_header_stays_at_home(self):
        self.assert_caught("belongs to", "publisher/capture.cpp", "// Capture.\n#include <zmq.hpp>\n")

    def test_raw_methods_stay_at_home(self):
        self.assert_caught("raw file methods", "publisher/capture.cpp",
                           "// Capture.\nint f(F* p) { return p->pMethods->x; }\n")

    def test_raw_methods_in_a_comment_are_fine(self):
        self.assertEqual(self.breaches_with(**{"publisher/a.cpp": "// No pMethods here.\n"}), [])

    def test_long_function(self):
        self.assert_caught("has 71 lines", "publisher/capture.cpp", long_function(71))

    def test_function_of_the_limit_is_fine(self):
        self.assertEqual(self.breaches_with(**{"publisher/capture.cpp": long_function(70)}), [])

    def test_long_python_function(self):
        body = '"""Long."""\ndef f():\n' + "    pass\n" * 70
        breaches = self.breaches_with(**{"tests/a.py": body, "tests/README.md": "Tests.\n"})
        self.assertEqual(len(breaches), 1, breaches)

    def test_long_file(self):
        self.assert_caught("401 lines", "publisher/capture.cpp", "// Line.\n" * 401)

    def test_file_name_that_says_nothing(self):
        self.assert_caught("says nothing", "publisher/string_util.h", "// Strings.\n")

    def test_type_name_that_says_nothing(self):
        self.assert_caught("says nothing", "publisher/tail.h", "// Tail.\nclass TailManager;\n")

    def test_unfinished_work(self):
        self.assert_caught("unfinished", "publisher/tail.h", "// Tail.\n// TO" "DO: the rest\n")

    def test_path_of_a_machine(self):
        self.assert_caught("one machine", "publisher/tail.h", "// See /wo" "rk/main.\n")

    def test_file_without_opening_comment(self):
        self.assert_caught("does not open", "publisher/tail.h", "#pragma once\n")

    def test_cpp_that_opens_with_a_foreign_header(self):
        self.assert_caught("does not open", "publisher/capture.cpp", '#include "common/wal/index.h"\n')

    def test_header_of_the_room_speaks_for_its_cpp(self):
        breaches = self.breaches_with(**{"publisher/a.cpp": '#include "publisher/tail.h"\n'})
        self.assertEqual(breaches, [])

    def test_room_without_readme(self):
        self.assert_caught("has no README", "common/file/CMakeLists.txt", "understudy_room(file)\n")


class FunctionsAreFound(unittest.TestCase):
    def found(self, text: str) -> list[tuple[str, int]]:
        return [(function.name, function.lines) for function in source_text.functions(text)]

    def test_functions_and_methods(self):
        text = ("namespace a {\nstruct S {\n  int f() const {\n    return 1;\n  }\n};\n"
                "void S::g(int b) {\n  if (b) {\n  }\n}\n}\n")
        self.assertEqual(self.found(text), [("f", 3), ("S::g", 4)])

    def test_initializers_and_literals_are_no_functions(self):
        text = 'int a[] = {1, 2};\nconst char* s = "f() {";\nchar c = \'{\';\nstruct T { int x; };\n'
        self.assertEqual(self.found(text), [])

    def test_raw_strings_and_digit_separators(self):
        text = 'auto s = R"(f() {)";\nint f() {\n  return 1\'000;\n}\n'
        self.assertEqual(self.found(text), [("f", 3)])


if __name__ == "__main__":
    unittest.main()
