"""docs/reliability.md names a test as the proof of each claim. Each named test is one that pytest collects."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def collected_tests() -> set[str]:
    """Return the names of the test functions and classes, as pytest collects them. A mention in a text is none."""
    names: set[str] = set()
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):  # hypothesis: TestBreaker = BreakerMachine.TestCase
                names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def test_every_named_proof_is_a_test() -> None:
    named = set(re.findall(r"`(test_\w+|Test\w+)`", PAGE))
    assert len(named) > 50
    assert named - collected_tests() == set()


def test_every_named_benchmark_exists() -> None:
    scripts = set(re.findall(r"bench/\w+\.py", PAGE))
    assert scripts
    assert {script for script in scripts if not (ROOT / script).is_file()} == set()
