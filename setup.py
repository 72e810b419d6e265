"""The packages, which `pyproject.toml` cannot say: `templates/` and `static/` travel inside `web`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["core", "core.*", "web", "web.*"]),
        "web.templates",
        "web.static",
    ],
    package_dir={"web.templates": "templates", "web.static": "static"},
)
