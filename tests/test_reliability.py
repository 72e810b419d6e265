"""What docs/reliability.md says is proven has a test of that name."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_proof_that_is_named_exists() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+|Test\w+)`", page))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    assert len(named) > 50
    assert {name for name in named if not re.search(rf"\b(def |class )?{name}\b", sources)} == set()


def test_every_command_that_is_named_exists() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    for script in set(re.findall(r"bench/\w+\.py", page)):
        assert (ROOT / script).is_file(), script
