"""A project of two streams and one sync, as an orchestrator's user has it, and the pages that tell them how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hubferry.project import Project
from hubspot_emulator.server import Emulator

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
TOKEN = "pat-na1-planted-token"
BARE = "pat-na1-owners-only"
"""A token that may read owners and nothing else."""
EMAIL = "planted-value@example.com"


@dataclass
class World:
    """The folder of a project, and the portal that it names."""

    folder: Path
    portal: Emulator
    sync: dict[str, Any] = field(
        default_factory=lambda: {
            "query": f"SELECT 'C-1' AS number, '{EMAIL}' AS email, 'Ada' AS name",
            "key": "number",
            "object": "contacts",
            "match": "email",
            "fields": {"email": "email", "firstname": "name"},
        }
    )

    def write(self, *, streams: tuple[str, ...] = ("contacts", "owners"), **sync: Any) -> None:
        """Write the project's files; `sync` is laid over the sync's settings."""
        chosen: dict[str, Any] = dict.fromkeys(streams)
        if "contacts" in chosen:
            chosen["contacts"] = {"properties": ["email", "firstname"], "associations": []}
        hubspot = {"token": "${INTEGRATION_TOKEN}", "base_url": self.portal.base_url}
        (self.folder / "hubferry.yml").write_text(yaml.safe_dump({"hubspot": hubspot, "pull": {"streams": chosen}}))
        (self.folder / "syncs").mkdir(exist_ok=True)
        (self.folder / "syncs" / "people.yml").write_text(yaml.safe_dump(self.sync | sync))

    def open(self) -> Project:
        """Open the project as the orchestrator does."""
        return Project.open(self.folder)

    def open_with(self, token: str) -> Project:
        """Open the project beside the orchestrator, whose secrets are in no variable."""
        return Project.open(self.folder, {"INTEGRATION_TOKEN": token})


def read_python(guide: str) -> str:
    """Give the Python that a guide has its reader write."""
    blocks = re.findall(r"^```python\n(.*?)^```", (GUIDES / guide).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert blocks
    return "\n".join(blocks)
