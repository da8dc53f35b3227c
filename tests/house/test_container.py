"""The container: it asks the engine how it is where the engine answers, and runs without rights."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.routes.health import router

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ROOT / "docker-compose.yml"
IMAGE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICE: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["shaoxiang"]


def asked(check: str) -> str:
    """The path that a health check asks for, on the port that is listened on by default."""
    return re.findall(r"http://127\.0\.0\.1:8000(/[^']*)'", check)[0]


def test_the_health_check_asks_for_a_route_that_there_is() -> None:
    paths = {route.path for route in router.routes if hasattr(route, "path")}
    assert "/health" in paths
    assert asked(" ".join(SERVICE["healthcheck"]["test"])) == "/health"
    assert asked(re.findall(r"HEALTHCHECK .*\\\n(.*)", IMAGE)[0]) == "/health"


def test_the_container_brings_its_store_up_to_date_and_then_serves_as_a_user_without_rights() -> None:
    command = json.loads(re.findall(r"^CMD (.+)$", IMAGE, re.MULTILINE)[0])
    assert command == SERVICE["command"]
    assert command[-1] == "shaoxiang migrate && exec shaoxiang serve"
    assert "SHAOXIANG_HOST=0.0.0.0" in IMAGE
    assert re.findall(r"^USER (.+)$", IMAGE, re.MULTILINE)[-1] not in {"root", "0"}
    assert int(SERVICE["user"]) > 0


@pytest.mark.parametrize("tool", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_compose_finds_nothing_wrong_where_it_is_installed(tool: list[str]) -> None:
    there = (
        shutil.which(tool[0]) is not None
        and not subprocess.run([*tool, "version"], capture_output=True, check=False).returncode
    )
    # Where it is missing, what the file says was looked at above.
    checked = subprocess.run(
        [*tool, "-f", str(COMPOSE), "config", "-q"] if there else ["true"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
