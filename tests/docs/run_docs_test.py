#!/usr/bin/env python3
"""The runner of the documentation, on pages that are right and on pages that are wrong."""
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

RUNNER = Path(__file__).with_name("run_docs.py")


class Runner(unittest.TestCase):
    def run_page(self, text, *options):
        """(exit status, what was printed) of a page in a checkout that has one example."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "checkout" / "examples").mkdir(parents=True)
            (root / "checkout" / "docs").mkdir()
            (root / "checkout" / "examples" / "a.yml").write_text("one: 1\ntwo: 2\nthree: 3\n")
            (root / "checkout" / "docs" / "page.md").write_text(text)
            (root / "build" / "bin").mkdir(parents=True)
            done = subprocess.run([sys.executable, RUNNER, "--source", root / "checkout", "--build", root / "build",
                                   "--work", root / "work", *options, "docs/page.md"],
                                  capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

    def passes(self, text, *options):
        status, printed = self.run_page(text, *options)
        self.assertEqual(status, 0, printed)

    def fails(self, text, words):
        status, printed = self.run_page(text)
        self.assertEqual(status, 1, printed)
        self.assertIn(words, printed)

    def test_compares_what_is_printed(self):
        self.passes("```sh\n$ echo one; echo two\none\ntwo\n```\n")
        self.fails("```sh\n$ echo one\ntwo\n```\n", "prints something else")
        self.fails("```sh\n$ echo one; echo two\none\n```\n", "+two")

    def test_wildcards_stand_for_text_and_for_lines(self):
        self.passes("```sh\n$ echo took 3 s; echo b; echo c\ntook … s\n…\nc\n```\n")
        self.fails("```sh\n$ echo took 3 ms\ntook … s\n```\n", "prints something else")

    def test_numbers_vary_only_where_a_page_says_so(self):
        self.passes("<!-- test: numbers vary -->\n```sh\n$ echo 'loss  0.5 nan'\nloss 1.25e-05 3\n```\n")
        self.fails("<!-- test: numbers vary -->\n```sh\n$ echo 'loss  0.5'\ngain 1.25\n```\n", "prints something else")
        self.fails("<!-- test: numbers vary -->\n\nprose\n\n```sh\n$ echo 1\n2\n```\n", "prints something else")

    def test_a_command_must_succeed_unless_its_status_is_asked_for(self):
        self.fails("```sh\n$ false\n```\n", "exit status 1")
        self.passes("```sh\n$ echo bad >&2; (exit 2)\nbad\n$ echo $?\n2\n```\n")
        self.fails("```sh\n$ (exit 2)\n$ echo $?\n1\n```\n", "prints something else")

    def test_folders_variables_and_files_last(self):
        self.passes("```sh\n$ mkdir sub && cd sub\n$ export NAME=x\n```\n\n```yaml b.yml\nkey: 1\n```\n\n"
                    "```sh\n$ cat b.yml; echo $NAME\nkey: 1\nx\n```\n")

    def test_excerpts_stand_in_their_file(self):
        self.passes("```yaml from examples/a.yml\none: 1\n…\nthree: 3\n```\n")
        self.fails("```yaml from examples/a.yml\none: 1\nthree: 3\n```\n", "do not stand in examples/a.yml")

    def test_adds_arguments_to_runs_alone(self):
        self.passes("<!-- test: with epochs=1 -->\n```sh\n$ echo ivory run a\nivory run a epochs=1\n$ echo b\nb\n```\n")

    def test_blocks_of_no_kind_and_dead_links_are_refused(self):
        self.fails("```yaml\nkey: 1\n```\n", "a block is")
        status, printed = self.run_page("[there](none.md)\n")
        self.assertNotEqual(status, 0)
        self.assertIn("leads nowhere", printed)

    def test_a_port_stands_for_one_that_is_free(self):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            listen = f"python3 -c 'import socket; socket.create_server((\"127.0.0.1\", {port})).close()'"
            self.passes(f"```sh\n$ {listen} # --port {port}\n$ echo {port} {port}1\n{port} {port}1\n```\n")
            self.fails(f"```sh\n$ {listen}\n```\n", "Address already in use")
        self.passes("```sh\n$ echo --port 0 for any\n--port 0 for any\n$ echo 10 0.5 0 | wc -w\n3\n$ test 0 = $((1 - 1))\n```\n")

    def test_what_still_runs_at_the_end_is_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            self.passes(f"```sh\n$ sleep 60 > none.txt 2>&1 & echo $! > {folder}/pid\n```\n")
            command_line = Path("/proc") / (Path(folder) / "pid").read_text().strip() / "cmdline"
            deadline = time.monotonic() + 10
            while command_line.exists() and command_line.read_bytes():  # empty once it has ended, gone once it is waited for
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)

    def test_says_that_it_skips(self):
        page = "<!-- test: needs torch -->\n\n```sh\n$ false\n```\n"
        status, printed = self.run_page(page, "--without", "torch")
        self.assertEqual(status, 77)
        self.assertIn("needs the torch module", printed)
        self.assertEqual(self.run_page(page)[0], 1)


if __name__ == "__main__":
    unittest.main()
