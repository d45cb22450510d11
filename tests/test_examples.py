"""The examples of README.md, MIGRATION.md and docs/ run, from the first line to the last.

A page's ``python`` blocks run in order in one namespace, in an empty folder. Its ``console``
blocks run, from the project's root, only where they ask for it. An HTML comment on the line above
a block says what is special about it:

``<!-- new -->``
    a fresh namespace from here on
``<!-- no-run: reason -->``
    don't run this ``python`` block, and why
``<!-- run -->``
    run this ``console`` block: each ``$ command`` must succeed, and the lines shown under it must
    be in its output in this order (``...`` stands for any lines)
"""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path for pattern in ("README.md", "MIGRATION.md", "docs/**/*.md") for path in ROOT.glob(pattern)
)

BLOCK = re.compile(
    r"""
    (?: ^ <!-- \s* (?P<order> new | run | no-run: \s* \S.*? ) \s* --> \n )?
    ^ (?P<fence> `{3,} ) (?P<language> python | console ) \n
    (?P<code> .*? )
    ^ (?P=fence) \s*? $
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Block:
    line: int  # of its first line of code, from 1
    language: str
    order: str
    code: str


def blocks(text: str) -> list[Block]:
    return [
        Block(
            line=text.count("\n", 0, match.start("code")) + 1,
            language=match["language"],
            order=(match["order"] or "").partition(":")[0],
            code=match["code"],
        )
        for match in BLOCK.finditer(text)
    ]


def run_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    module = _module(folder, monkeypatch)
    for block in blocks(page.read_text("utf-8")):
        if block.order == "new":
            module = _module(folder, monkeypatch)
        if block.language == "console":
            if block.order == "run":
                run_console(block, page)
        elif block.order != "no-run":
            run_python(block, page, module)


def _module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # A real module, since Flask and dataclasses look up the one that a class was made in.
    module = ModuleType("example")
    module.__file__ = str(folder / "example.py")
    monkeypatch.setitem(sys.modules, "example", module)
    return module


def run_python(block: Block, page: Path, module: ModuleType) -> None:
    # The empty lines in front make the line numbers of the traceback those of the page.
    code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    try:
        exec(code, vars(module))  # noqa: S102 - running the project's own examples is the purpose
    except Exception as error:
        raise AssertionError(f"{page}:{block.line}: the block raised {error!r}") from error


def run_console(block: Block, page: Path) -> None:
    where = f"{page}:{block.line}"
    commands = re.findall(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", block.code, re.MULTILINE)
    assert commands, f"{where}: no line starts with '$ '"
    mark = "--- end of command ---"
    # One shell for the block: what it leaves running ends with it.
    script = "set -eo pipefail\ntrap 'kill 0' EXIT\n" + "".join(
        f"{command}\necho '{mark}'\n" for command, _ in commands
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        output = ""
        try:
            while output.count(mark) < len(commands) and (line := shell.stdout.readline()):
                output += line
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
    answers = output.split(mark + "\n")
    assert len(answers) > len(commands), f"{where}: a command failed:\n{output}"
    for (command, shown), answer in zip(commands, answers, strict=False):
        expected = [line for line in shown.splitlines() if line not in {"", "..."}]
        rest = iter(answer.splitlines())
        missing = [line for line in expected if line not in rest]
        assert not missing, f"{where}: {command} did not print {missing}, but:\n{answer}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_the_page_run(page, tmp_path, monkeypatch):
    run_page(page, tmp_path, monkeypatch)


# ── the runner itself: what it would let through, nobody would see ───────────────────────


@pytest.fixture
def run(tmp_path, monkeypatch):
    def write_and_run(text: str) -> None:
        page = tmp_path / "page.md"
        page.write_text(text)
        run_page(page, tmp_path, monkeypatch)

    return write_and_run


def test_a_failing_block_is_reported_with_its_file_and_line(run):
    with pytest.raises(AssertionError, match=r"page\.md:4: .*ZeroDivisionError"):
        run("Text.\n\n```python\n1 / 0\n```\n")


def test_blocks_share_a_namespace_until_a_new_one_is_asked_for(run):
    first, second = "```python\nx = 1\n```\n", "```python\nassert x == 1\n```\n"
    run(f"{first}\n{second}")
    with pytest.raises(AssertionError, match="NameError"):
        run(f"{first}\n<!-- new -->\n{second}")


def test_a_block_is_left_out_only_with_a_reason(run):
    run("<!-- no-run: needs a network -->\n```python\n1 / 0\n```\n")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run("<!-- no-run: -->\n```python\n1 / 0\n```\n")


def test_a_console_block_runs_only_when_it_asks_for_it(run):
    run("```console\n$ false\n```\n")
    with pytest.raises(AssertionError, match="a command failed"):
        run("<!-- run -->\n```console\n$ false\n```\n")


def test_a_console_block_must_print_what_the_page_shows(run):
    run("<!-- run -->\n```console\n$ x=1; seq 9\n2\n...\n8\n$ echo $x\n1\n```\n")
    with pytest.raises(AssertionError, match="did not print"):
        run("<!-- run -->\n```console\n$ seq 9\n8\n2\n```\n")


def test_what_a_console_block_leaves_running_ends_with_it(run):
    run("<!-- run -->\n```console\n$ sleep 1000 &\n$ echo $!\n```\n")
