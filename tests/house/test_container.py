"""The containers: each asks the engine how it is where it answers, runs without rights, and keeps its secrets apart."""

import json
import os
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
WHOLE: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
ENGINE = {name: service for name, service in SERVICES.items() if service["image"] == "shaoxiang"}
LASTING = {name: service for name, service in ENGINE.items() if name != "migrate"}
SECRET = re.compile(r"PASSWORD|KEY|TOKEN")


def asked(check: str) -> str:
    """The path that a health check asks for, on the port that is listened on by default."""
    return re.findall(r"http://127\.0\.0\.1:8000(/[^']*)'", check)[0]


def command_of(service: dict[str, Any]) -> str:
    return service["command"][1]


def test_the_topology_is_a_database_two_apis_behind_a_proxy_two_workers_and_two_tickers() -> None:
    assert sorted(command_of(each) for each in LASTING.values()) == ["serve", "serve", "tick", "tick", "work", "work"]
    assert set(SERVICES) - set(ENGINE) == {"database", "proxy"}
    addresses = re.findall(r"^ +server (\S+) \1:8000$", (ROOT / "deploy" / "haproxy.cfg").read_text(), re.MULTILINE)
    assert sorted(addresses) == sorted(name for name, each in LASTING.items() if command_of(each) == "serve")


def test_the_health_checks_ask_for_a_route_that_there_is() -> None:
    paths = {route.path for route in router.routes if hasattr(route, "path")}
    assert "/health" in paths
    for service in LASTING.values():
        assert asked(" ".join(service["healthcheck"]["test"])) == "/health"
        assert service["command"][2:] == ["--port", "8000"]
    assert asked(re.findall(r"HEALTHCHECK .*\\\n(.*)", IMAGE)[0]) == "/health"
    assert SERVICES["proxy"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8080/health"
    assert "httpchk GET /health" in (ROOT / "deploy" / "haproxy.cfg").read_text()


def test_the_image_alone_brings_an_embedded_store_up_to_date_and_serves_it_as_a_user_without_rights() -> None:
    command = json.loads(re.findall(r"^CMD (.+)$", IMAGE, re.MULTILINE)[0])
    assert command[-1] == "shaoxiang migrate && exec shaoxiang serve"
    assert "SHAOXIANG_HOST=0.0.0.0" in IMAGE
    assert "--extra postgres" in IMAGE
    assert re.findall(r"^USER (.+)$", IMAGE, re.MULTILINE)[-1] not in {"root", "0"}
    assert image_user() > 0


def image_user() -> int:
    assert IMAGE.index("\nUSER shaoxiang\n") > IMAGE.rindex("\nRUN ")
    return int(re.findall(r"--uid (\d+) ", IMAGE)[0])


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_runs_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    if name in ENGINE:
        assert int(service["user"]) == image_user()


def test_everything_starts_after_the_migration_and_the_migration_after_the_database() -> None:
    for name, service in LASTING.items():
        assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}, name
        assert service["healthcheck"]["test"][0] == "CMD"
    assert ENGINE["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert ENGINE["migrate"]["command"][-1].endswith("exec shaoxiang migrate --role shaoxiang")


def test_secrets_come_from_files_that_are_empty_in_the_repository_and_each_goes_only_where_it_is_needed() -> None:
    for service in SERVICES.values():
        assert not [name for name in service.get("environment", {}) if SECRET.search(name)]
    kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "deploy" / "example").iterdir()}
    assert set(kept) == {"database.env", "engine.env"}
    lines = [line for text in kept.values() for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 5
    assert all(line.endswith("=") for line in lines)
    assert "MASTER_KEY" not in kept["database.env"], "the key stays apart from what it opens"
    wanted = {"database": ["database.env"], "proxy": [], "migrate": ["database.env"]}
    for name, service in SERVICES.items():
        files = [path.rpartition("/")[2] for path in service.get("env_file", [])]
        assert files == wanted.get(name, ["engine.env"])
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/deploy/secrets/" in ignored


def test_the_script_that_makes_the_role_can_be_run_and_refuses_an_empty_password() -> None:
    script = ROOT / "deploy" / "create-role.sh"
    assert os.access(script, os.X_OK)
    ran = subprocess.run(["sh", str(script)], env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "SHAOXIANG_ROLE_PASSWORD" in ran.stderr


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
