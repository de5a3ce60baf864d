"""What the images install is what pyproject asks for, each file by its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "ragdesk" / "deploy" / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PARTS = ("postgres", "oidc", "tokens", "ocr", "mcp", "otel")
LEFT_OUT = {"cpu": {"torch"}, "cuda": {"vllm"}}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IMAGE = {"python_full_version": "3.12.0", "python_version": "3.12", "sys_platform": "linux"}


def read_pins(name):
    """Give the version and the number of hashes of each package that a list pins."""
    text = (LISTS / f"{name}.txt").read_text(encoding="utf-8")
    pins = {}
    for block in re.split(r"(?m)^(?=[a-z0-9])", text)[1:]:
        requirement = Requirement(block.partition(" \\\n")[0])
        if requirement.marker is None or requirement.marker.evaluate(IMAGE):
            (pin,) = requirement.specifier
            assert pin.operator == "==", block
            pins[canonicalize_name(requirement.name)] = (pin.version, block.count("--hash=sha256:"))
    return pins


@pytest.mark.parametrize(("image", "extra"), [("cpu", "cpu"), ("cuda", "gpu")])
def test_the_list_of_an_image_satisfies_the_project(image, extra):
    """It does not after a change of pyproject: make requirements."""
    pins = read_pins(image)
    extras = PROJECT["optional-dependencies"]
    asked = [
        *PROJECT["dependencies"],
        *extras[extra],
        *(one for part in PARTS for one in extras[part]),
    ]
    missing = set()
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        version, _ = pins.get(name, (None, 0))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.add(name)
    assert missing == LEFT_OUT[image]


@pytest.mark.parametrize("name", ["cpu", "cuda", "build"])
def test_each_file_of_a_list_is_known_by_its_hash(name):
    pins = read_pins(name)
    assert len(pins) > 20
    assert [package for package, (_, hashes) in pins.items() if not hashes] == []


def test_an_image_has_one_faiss():
    assert {name for name in read_pins("cpu") if name.startswith("faiss")} == {"faiss-cpu"}
    assert {name for name in read_pins("cuda") if name.startswith("faiss")} == {"faiss-gpu"}


def test_the_image_installs_nothing_without_a_hash():
    installs = re.findall(r"pip[^;]*? install [^;]*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert not re.search(r"\b(curl|wget|apt-get|ADD) ", DOCKERFILE)


def test_the_image_runs_without_rights_and_is_asked_for_its_health():
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"(?m)^USER (\S+)$", last) == ["10001"]
    assert "HEALTHCHECK" in last
    assert "/readyz" in last
    assert not re.search(r"(?i)(password|secret|api_key)\S*=", DOCKERFILE)


def test_the_image_is_made_of_what_the_wheel_is_made_of():
    kept = set(re.findall(r"(?m)^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8")))
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    rooms = set(tool["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert kept == rooms | {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
