"""Where templates and static files are: beside `web/` in a checkout, inside it once installed."""

from pathlib import Path
from typing import Final

_WEB: Final = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """Prefer the checkout: an editable install has both, and what is edited is what should be seen."""
    beside = _WEB.parent / name
    in_checkout = (_WEB.parent / "pyproject.toml").is_file() and beside.is_dir()
    return beside if in_checkout else _WEB / name


TEMPLATES: Final = _folder("templates")
STATIC: Final = _folder("static")
