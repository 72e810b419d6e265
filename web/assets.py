"""Where templates and static files are: two folders of the package, linked from the top level of a checkout."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]
TEMPLATES: Final = _PACKAGE / "templates"
STATIC: Final = _PACKAGE / "static"
