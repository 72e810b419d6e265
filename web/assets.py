"""The folders of templates and static files in the package. A checkout links them from its top level."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]
TEMPLATES: Final = _PACKAGE / "templates"
STATIC: Final = _PACKAGE / "static"
