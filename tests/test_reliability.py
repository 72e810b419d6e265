"""docs/reliability.md proves each fault by a test or a benchmark, and all of them exist."""

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


def fault_rows() -> list[str]:
    """Return the rows of the table of faults."""
    section = PAGE.partition("## Fault by fault")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


def test_every_fault_names_a_test_or_a_benchmark_as_its_proof() -> None:
    assert fault_rows()
    for row in fault_rows():
        fault, consequence, proofs = row.strip("| ").split(" | ")
        assert re.search(r"`(test_\w+|Test\w+|bench/\w+\.py|make \w+)`", proofs), fault
        assert consequence.strip()


def test_every_named_test_is_collected() -> None:
    named = set(re.findall(r"`(test_\w+|Test\w+)`", PAGE))
    assert named - collected_tests() == set()


def test_every_named_benchmark_exists() -> None:
    scripts = set(re.findall(r"bench/\w+\.py", PAGE))
    assert scripts
    assert {script for script in scripts if not (ROOT / script).is_file()} == set()
