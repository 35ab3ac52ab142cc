"""The shape of the package, read from its sources: rooms, imports, sizes, names, and what a wheel holds."""

from __future__ import annotations

import ast
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = (
    *(
        "errors",
        "names",
        "files",
        "machine",
        "arms",
        "systems",
        "types",
        "config",
        "tiny",
        "inputs",
        "statistics",
        "decoding",
        "scoring",
    ),
    *("results", "logs", "runs", "report", "analysis", "view", "paper", "doctor", "api", "", "cli", "__main__"),
)
"""In the order of the data: each imports only itself and those before it; the nameless one is `rast_eval` itself."""

RETIRED = {
    *(
        "lineup",
        "entry",
        "entries",
        "term",
        "terms",
        "coefficient",
        "coefficients",
        "verdict",
        "verdicts",
        "job",
        "jobs",
    ),
    *("workshop", "laboratory", "trial", "trials", "spec", "specs", "record", "records", "zoo"),
}
"""Nouns that had a second meaning, or named what another noun names."""

OF_OTHERS = {"entry_point", "record"}
"""Names that a file format or a library of others gives."""


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_of(path): tree for path, tree in sources("rast_eval")}


def imports(name: str) -> set[str]:
    """Modules of the package that `name` imports anywhere, functions and type checking included."""
    found: set[str] = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            children = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {child if child in MODULES else node.module for child in children}
    return {target for target in found if target in MODULES} - {name}


GRAPH = {name: imports(name) for name in MODULES}


def room(name: str) -> str:
    return f"{name}.".split(".")[1]


def test_the_imports_are_those_of_the_sources():
    """A reading that misses imports would find nothing wrong ever."""
    assert "rast_eval.types" in GRAPH["rast_eval.runs.plan"]
    assert "rast_eval.decoding.vllm.engine" in GRAPH["rast_eval.decoding.engine"], "imported by a function"
    assert sum(map(len, GRAPH.values())) > 3 * len(GRAPH)


def test_every_room_has_its_place():
    assert {room(name) for name in MODULES} == set(ROOMS)


def test_no_room_imports_a_later_one():
    upward = [f"{a} imports {b}" for a in GRAPH for b in GRAPH[a] if ROOMS.index(room(a)) < ROOMS.index(room(b))]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("folder", ["rast_eval", "tests", "tools"])
def test_no_file_is_longer_than_400_lines(folder):
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in sources(folder)}
    assert {path: size for path, size in sizes.items() if size > 400} == {}


def test_files_of_text_say_their_encoding():
    """The locale's would make a page of symbols unreadable where it is plain C."""
    for name, tree in sources("rast_eval"):
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                given = len(call.args) > (call.func.attr == "write_text") or any(
                    k.arg == "encoding" for k in call.keywords
                )
                assert given or call.func.attr not in ("read_text", "write_text"), (name, call.lineno)


def test_class_names_are_unique():
    nodes = (node for _, tree in sources("rast_eval", "tools") for node in ast.walk(tree))
    found = (node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert [name for name, count in Counter(found).items() if count > 1] == []


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Every name that the source itself gives: classes, functions, arguments, variables, attributes, imports."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_words_of_a_name():
    assert words("_GradeJobs2 ") == {"grade", "jobs"}
    assert words("parse_HTTPRecord") == {"parse", "http", "record"}


def test_retired_words_name_nothing():
    found = {
        path: sorted({name for name in identifiers(tree) if words(name) & RETIRED and name.strip("_") not in OF_OTHERS})
        for path, tree in sources("rast_eval", "tools")
    }
    found |= {path: [path] for path, _ in sources("rast_eval", "tools") if words(Path(path).stem) & RETIRED}
    assert {path for path, names in found.items() if names} == set(), found


def test_a_wheel_holds_the_package_and_its_data_alone(tmp_path):
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    names = zipfile.ZipFile(built).namelist()
    assert {name.split("/")[0] for name in names} == {"rast_eval", "rast_eval-0.1.0.dist-info"}
    modules = {name for name in names if name.endswith(".py")}
    assert modules == {path.relative_to(ROOT).as_posix() for path in (ROOT / "rast_eval").rglob("*.py")}
    held = {
        "inputs/models.toml": 1,
        "data/benchmarks": 10,
        "data/prompts": 8,
        "data/results/paper": 5,
        "tiny/checkpoints": 6,
        "view/assets": 12,
    }
    assert {part: n for part, n in held.items() if sum(f"rast_eval/{part}" in name for name in names) < n} == {}
