"""A command whose packages are not installed says what to install."""

import sys

import pytest

import breakwater
from breakwater.core.distribution import install_hint
from breakwater.web.cli import main


def test_a_command_of_the_service_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.delitem(sys.modules, "breakwater.web.cli.serve", raising=False)
    with pytest.raises(SystemExit) as exit_:
        main(["serve"])
    assert exit_.value.code == 2
    assert (
        "breakwater serve needs the package uvloop: pip install 'breakwater-webhooks[server]'"
        in capsys.readouterr().err
    )


def test_a_public_name_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(breakwater._LAZY_MODULES, "Runtime", "package_that_is_missing")
    monkeypatch.delitem(vars(breakwater), "Runtime", raising=False)
    with pytest.raises(ImportError, match=r"Runtime needs the package .*\[server\]"):
        _ = breakwater.Runtime


def test_a_missing_module_of_breakwater_itself_is_not_explained_away() -> None:
    fault = ModuleNotFoundError("No module named 'breakwater.core.lost'", name="breakwater.core.lost")
    with pytest.raises(ModuleNotFoundError) as raised:
        install_hint("Runtime", fault)
    assert raised.value is fault
