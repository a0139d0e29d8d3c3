"""Calls the procedures' entry points as Snowflake does, from the package on the path: `inside_process.py PACKAGE FACTS`.

Prints a JSON list: what each call gave, or what it raised. A package that the procedures do not name is refused.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from importlib.abc import MetaPathFinder
from typing import Any


class Refusing(MetaPathFinder):
    """Raises for an import that Snowflake could not serve."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in self._modules:
            raise ImportError(f"{name} is not among the packages of the procedures")


def unnamed(packages: frozenset[str]) -> frozenset[str]:
    """Give the modules of what hubferry needs elsewhere, and the procedures do not name."""
    needed = {_normal(re.split(r"[\s<>=;\[!~]", each)[0]) for each in metadata.requires("hubferry") or ()}
    missing = needed - set(map(_normal, packages))
    kept = {"snowflake"}  # with Snowpark
    return frozenset(
        module
        for module, names in metadata.packages_distributions().items()
        if set(map(_normal, names)) <= missing and module not in kept
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Refuse, connect, and call one after the other."""
    package, facts = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, package)
    sys.path.insert(1, facts["tests"])
    sys.meta_path.insert(0, Refusing(unnamed(frozenset(facts["packages"]))))
    import snowflake.connector  # noqa: PLC0415

    import hubferry  # noqa: PLC0415
    from hubferry.integrations import snowflake as inside  # noqa: PLC0415
    from procedure_session import ProcedureSession  # noqa: PLC0415

    assert hubferry.__file__.startswith(package)
    place = inside.Place(facts["database"], "hubferry_app", {"INTEGRATION_TOKEN": facts["token"]}, None)
    said: list[Any] = []
    with snowflake.connector.connect(**facts["login"], paramstyle="qmark", autocommit=True) as connection:
        for name, *arguments in facts["calls"]:
            given = [said[-1]["plan_id"] if each == "LATEST" else each for each in arguments]
            try:
                said.append(getattr(inside, name)(ProcedureSession(connection), place, *given))
            except inside.ProcedureError as error:
                said.append({"raised": str(error)})
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
