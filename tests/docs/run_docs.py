#!/usr/bin/env python3
"""Runs what a page of the documentation says, in a copy of the checkout, and compares what is printed.

run_docs.py --source CHECKOUT --build BUILD --work FOLDER [--without torch] PAGE

A page begins in examples/ (README.md in the checkout itself); build/release is the build under test, and `ivory` is on
the PATH. Of a page, fenced blocks are taken by their first line:

  ```sh                       a session: `$ command` lines, run one after the other, and what they print
  ```yaml NAME, ```cpp NAME   a file, written to the present folder for the commands that follow (any language)
  ```yaml from PATH           an excerpt: these lines stand in that file of the checkout, in this order; a line … is a gap
  ```text                     not looked at

A command must succeed, unless the next one is `echo $?`. What it prints to stdout is compared with the lines below it, if
there are any; of a command that fails, what it prints to stderr. There `…` is any text in a line, and a line that is
only `…` is any number of lines. Folders, exports and `$?` last from command to command; a line that ends in `\\` goes on.

A comment before a block, <!-- test: … -->, holds any of
  numbers vary    every number and id stands for any other, and so does the number of blanks
  with ARGUMENT   what is added to each `ivory run` of the block, to keep it short
and, anywhere in a page, `needs torch`: the page is skipped (status 77) in a build without that module.

The ports of a page's servers (`--port N`) are any that are free, so that pages can be run beside each other: what is run
has another number in their place, and what it prints has the page's again. Servers still running at the end are killed.

Links between pages are followed, too: to files, and to headings of this page.
"""
import argparse
import difflib
import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

# Commands that cannot run here, and who runs them instead.
NOT_RUN = {
    "tools/quickstart": "installs packages and builds a release; tried by hand",
    "mlflow ui --backend-store-uri sqlite:///mlflow.db": "needs MLflow; tools/check-with-mlflow compares what MLflow reads",
}
TIMEOUT_SECONDS = 240
SKIPPED = 77
NUMBER = r"[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf)"
ID = r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8}(?:[0-9a-f]{24})?\b"


class Failure(Exception):
    """What a page says is not so."""


def fences(text):
    """(line number, info words, lines, directives) of every fenced block."""
    lines = text.split("\n")
    directives, at = "", 0
    while at < len(lines):
        line = lines[at]
        comment = re.fullmatch(r"<!-- test: (.*) -->", line)
        if comment:
            directives = comment[1]
        elif line.startswith("```"):
            end = next((i for i in range(at + 1, len(lines)) if lines[i] == "```"), None)
            if end is None:
                sys.exit(f"line {at + 1}: the block is never closed")
            yield at + 1, line[3:].split(), lines[at + 1:end], directives
            directives, at = "", end
        elif line.strip():
            directives = ""
        at += 1


def commands(lines):
    """(command, expected lines) of a session."""
    found = []
    for line in lines:
        if found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1][0] += "\n" + line
        elif line.startswith("$ "):
            found.append([line[2:], []])
        elif not found:
            raise Failure(f"a session begins with `$ command`, found: {line}")
        else:
            found[-1][1].append(line)
    return found


def line_pattern(line, vary):
    """The regular expression of one expected line."""
    if not vary:
        return re.escape(line.rstrip()).replace("…", ".*?") + r" *"
    pattern = ""
    for part in re.split(rf"({ID}|{NUMBER}|…| +)", line.strip()):
        if re.fullmatch(ID, part):
            pattern += ID
        elif re.fullmatch(NUMBER, part):
            pattern += NUMBER
        elif part == "…":
            pattern += ".*?"
        else:
            pattern += " +" if part.isspace() else re.escape(part)
    return " *" + pattern + " *"


def compare(expected, printed, vary):
    """Raises a Failure unless the printed text is what the lines say."""
    while expected and not expected[-1].strip():
        expected = expected[:-1]
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else line_pattern(line, vary) + r"\n" for line in expected)
    text = printed.rstrip() + "\n"
    if not re.fullmatch(pattern, text):
        diff = difflib.unified_diff(expected, text.rstrip().split("\n"), "the page", "printed", lineterm="", n=99)
        raise Failure("prints something else:\n" + "\n".join(diff))


def free_port(taken):
    """A port that nobody listens at: below those that the kernel gives to connections."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            if str(port) not in taken and probe.connect_ex(("127.0.0.1", port)) != 0:
                return str(port)


class Ports:
    """A page's ports and the free ones that stand for them."""

    def __init__(self, page):
        self.used = {}
        for port in re.findall(r"--port ([1-9]\d{3,})", page):
            self.used.setdefault(port, free_port(self.used.values()))

    def to_used(self, text):
        """The text with the free ports."""
        return self.replace(text, self.used)

    def to_page(self, text):
        """The text with the ports of the page."""
        return self.replace(text, {used: port for port, used in self.used.items()})

    @staticmethod
    def replace(text, ports):
        """The text with the keys as whole numbers replaced."""
        return re.sub(r"\d+", lambda number: ports.get(number[0], number[0]), text)


class Session:
    """A shell whose folder, environment and $? last from command to command."""

    def __init__(self, folder, environment, ports):
        self.folder, self.environment, self.ports, self.status = folder, environment, ports, 0
        self.groups = []

    def run(self, command):
        """(status, stdout, stderr)."""
        state = self.folder_of_state() / "state"
        script = f'(exit {self.status})\n{self.ports.to_used(command)}\nstatus=$?\n{{ pwd; env -0; }} >"{state}"\nexit $status\n'
        shell = subprocess.Popen(["bash", "-c", script], cwd=self.folder, env=self.environment, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.groups.append(shell.pid)
        try:
            out, err = shell.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as expired:
            self.end()
            raise Failure(f"takes longer than {TIMEOUT_SECONDS} s") from expired
        folder, variables = state.read_text().split("\n", 1)
        self.folder = Path(folder)
        self.environment = dict(item.split("=", 1) for item in variables.split("\0") if "=" in item)
        self.status = shell.returncode
        return self.status, self.ports.to_page(out), self.ports.to_page(err)

    def end(self):
        """Kills what the commands have left running."""
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended by itself
        self.groups.clear()

    def folder_of_state(self):
        """Outside the copy, so that listings do not show it."""
        return Path(self.environment["DOCS_STATE"])


def run_session(session, lines, directives):
    """Runs the commands of one block."""
    vary = "numbers vary" in directives
    extra = re.search(r"with (\S+)", directives)
    listed = commands(lines)
    failures = []
    for number, (command, expected) in enumerate(listed):
        if command in NOT_RUN:
            print(f"  not run: {command} ({NOT_RUN[command]})")
            continue
        line = re.sub(r"(ivory run [^&|;]*?)(\s*(?:[&|;#].*)?)$", rf"\1 {extra[1]}\2", command) if extra else command
        asked = number + 1 < len(listed) and listed[number + 1][0] == "echo $?"
        try:
            status, out, err = session.run(line)
            if status != 0 and not asked:
                raise Failure(f"exit status {status}\n{out}{err}")
            if expected:
                compare(expected, err if status != 0 else out, vary)
        except Failure as failure:
            failures.append(f"$ {line}\n{failure}")
        else:
            print(f"  ok: {line}")
    if failures:
        raise Failure("\n".join(failures))


def check_excerpt(source, path, lines):
    """The lines stand in the file, in this order; without a gap between them they follow one another."""
    text = (source / path).read_text().rstrip() + "\n"
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()) + r"\n" for line in lines)
    if not re.search(r"(?m)^" + pattern, text):
        raise Failure(f"these lines do not stand in {path} as they do here")


def check_links(source, page, text):
    """Every relative link leads to a file, every #heading to a heading of this page."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", text)
    headings = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", prose)}
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        if path and not (source / page).parent.joinpath(path).exists():
            raise Failure(f"the link {target} leads nowhere")
        if heading and not path and heading not in headings:
            raise Failure(f"there is no heading #{heading}")


def copy_checkout(source, build, work):
    """The files that a fresh checkout has, with the build under test in the place of a release."""
    shutil.rmtree(work, ignore_errors=True)
    leave_out = shutil.ignore_patterns(".ivory", "mlruns", "mlflow.db*", "build")
    shutil.copytree(source / "examples", work / "ivory" / "examples", ignore=leave_out)
    (work / "ivory" / "build").mkdir()
    (work / "ivory" / "build" / "release").symlink_to(build)
    (work / "home").mkdir()


def run_page(options):
    """Runs one page; its exit status."""
    source, build, work = (Path(path).resolve() for path in (options.source, options.build, options.work))
    text = (source / options.page).read_text()
    if options.without and re.search(rf"<!-- test: .*needs {options.without}", text):
        print(f"skipped: {options.page} needs the {options.without} module, which this build is configured without")
        return SKIPPED
    copy_checkout(source, build, work)
    environment = dict(os.environ, HOME=str(work / "home"), DOCS_STATE=str(work), PATH=f"{build / 'bin'}:{os.environ['PATH']}",
                       LC_ALL="C.UTF-8")
    start = "ivory" if options.page == "README.md" else "ivory/examples"
    session = Session(work / start, environment, Ports(text))
    failures = 0
    try:
        for line, step in steps(source, options.page, text, session):
            try:
                step()
            except Failure as failure:
                print(f"{options.page}:{line}: {failure}", file=sys.stderr)
                failures += 1
    finally:
        session.end()
    return min(failures, 1)


def steps(source, page, text, session):
    """(line, what is to be done there), to the end of the page."""
    for line, info, lines, directives in fences(text):
        if info == ["sh"]:
            yield line, functools.partial(run_session, session, lines, directives)
        elif len(info) == 3 and info[1] == "from":
            yield line, functools.partial(check_excerpt, source, info[2], lines)
        elif len(info) == 2:
            yield line, functools.partial(write_file, session, info[1], lines)
        elif info != ["text"]:
            yield line, functools.partial(refuse, "a block is a session (sh), a file (yaml NAME), an excerpt (yaml from PATH), or text")
    yield 1, functools.partial(check_links, source, page, text)


def refuse(message):
    """For a block that is of no kind."""
    raise Failure(message)


def write_file(session, name, lines):
    """A file that the page shows, for the commands below it."""
    path = session.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "build", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--without", default="")
    parser.add_argument("page")
    sys.exit(run_page(parser.parse_args()))
