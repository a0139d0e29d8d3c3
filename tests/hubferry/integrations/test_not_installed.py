"""Where an orchestrator is not installed, its module says what to install."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

SAID = {
    "airflow": "install hubferry into Airflow's environment",
    "dagster": r"pip install 'hubferry\[dagster\]'",
    "dlt": r"pip install 'hubferry\[dlt\]'",
}


@pytest.mark.parametrize("name", SAID)
def test_the_module_of_what_is_not_installed_says_what_to_install(name: str) -> None:
    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} is installed here")

    with pytest.raises(ImportError, match=SAID[name]):
        importlib.import_module(f"hubferry.integrations.{name}")
