"""The tutorial of README.md is carried out to the letter, against a demo server of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHAOXIANG = Path(sys.executable).with_name("shaoxiang")
PATIENCE_SECONDS = 300


class Demo(NamedTuple):
    """A running demo: where it answers, and where its store lies."""

    url: str
    store: Path


def blocks(name: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("tutorial")
    output = folder / "output"
    with output.open("wb") as sink:
        server = subprocess.Popen(
            [SHAOXIANG, "demo", "--port", "0", "--dir", folder / "store"], cwd=folder, stdout=sink, stderr=sink
        )
    try:
        yield Demo(_address(server, output), folder / "store")
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


def _address(server: "subprocess.Popen[bytes]", output: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"ready at (http://\S+)/api/v1", output.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.05)
    pytest.fail(f"the demo did not start:\n{output.read_text(encoding='utf-8')}")


def test_the_tutorial_does_what_it_says(demo: Demo) -> None:
    # One shell for all blocks, as a reader has; it stops at the first command, or curl, that fails.
    script = "set -euo pipefail\n" + "\n".join(blocks("README.md"))
    variables = {"URL": demo.url, "STORE": str(demo.store), "SHAOXIANG": str(SHAOXIANG)}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    for expected in (
        "HTTP/1.1 201 Created",
        '"events":["evaluation.objection-raised.v1"],"state":"objected"',
        '"events":["evaluation.commendation-confirmed.v1"],"state":"final"',
        "lead verified 100.0 commend",
        "commendation 2202-scjg",
        "evaluations final",
        '"rule": "arrival.enforcement.general"',
        "event: changed",
        "missed arrival, score 59.0, outcome interview",
        'outcome: expected "interview", found "commend"',
    ):
        assert expected in done.stdout, f"{expected!r} is missing:\n{said}"


def test_the_chinese_readme_gives_the_same_tutorial_block_by_block() -> None:
    assert len(blocks("README.md")) >= 5
    assert blocks("README.zh-CN.md") == blocks("README.md")
