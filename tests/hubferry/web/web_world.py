"""A project that was pulled, planned and pushed once, its page, and a visitor with a session."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import urllib3

from hubferry.cli.demo import source
from hubferry.config import starter
from hubferry.project import Project
from hubferry.web.server import PageServer
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings

TOKEN = "pat-na1-planted-token"
EVIL = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
"""What somebody may write into a field of a public form."""


NARROW = {
    "    contacts: {associations: [companies]}\n": "    contacts: {associations: [companies], properties:"
    " [email, contact_number, firstname, lastname, jobtitle, hs_lead_status, hs_additional_emails]}\n",
    "    companies:\n": "    companies: {properties: [name, domain]}\n",
    "    deals: {associations: [contacts, companies]}\n": "    deals: {associations: [], properties: [dealname]}\n",
}
"""Streams as a new project has them, and with what the demo's source needs: hundreds of columns cost seconds a pull."""


def write_project(folder: Path, base_url: str, *, wide: bool = True) -> dict[str, str]:
    """Write the files of a project against an emulator; give its environment."""
    files = starter.build_files(demo=True, duckdb="warehouse.duckdb", pull_schema="hubspot")
    for whole, narrow in () if wide else NARROW.items():
        assert whole in files["hubferry.yml"]
        files["hubferry.yml"] = files["hubferry.yml"].replace(whole, narrow)
    files["hubferry.yml"] = files["hubferry.yml"].replace(starter.EMULATOR_URL, base_url)
    files["syncs/contacts.yml"] = source.SYNC
    del files[".env"]
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {"EMULATOR_TOKEN": TOKEN}


@dataclass(frozen=True)
class Answer:
    """What the page answered."""

    status: int
    text: str
    headers: urllib3.HTTPHeaderDict


@dataclass
class Visitor:
    """A browser without a screen: keeps the cookie, sends the headers that a browser sends."""

    server: PageServer
    cookie: str = ""
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def open(self) -> None:
        """Redeem the one-time address."""
        answer = self.pool.request("GET", self.server.address, redirect=False)
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(
        self, path: str, fields: Sequence[tuple[str, str]] = (), *, csrf: str | None = "ours", **headers: str
    ) -> Answer:
        """Send a form; `csrf` None leaves the token out."""
        token = self.server.site.session.csrf if csrf == "ours" else csrf
        sent = [*fields, *([("csrf", token)] if token is not None else [])]
        return self._ask("POST", path, sent, {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **headers})

    def _ask(self, method: str, path: str, fields: Sequence[tuple[str, str]] | None, headers: dict[str, str]) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if self.cookie and "Cookie" not in headers:
            sent["Cookie"] = self.cookie
        body = None if fields is None else urlencode(fields)
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self.pool.request(method, f"{self.origin}{path}", body=body, headers=sent, redirect=False)
        return Answer(answer.status, answer.data.decode(), answer.headers)

    def follow(self, answer: Answer, *, seconds: float = 60) -> Answer:
        """Wait for the run that an answer sent us to, and give the page of what came of it."""
        assert answer.status == 303, answer.text
        run = self.server.site.runs.find(answer.headers["Location"].rpartition("/")[2])
        assert run is not None
        assert run.wait(seconds), "the run did not end"
        assert run.error is None, run.error
        return self.get(run.address)


@dataclass(frozen=True)
class World:
    """An emulated portal, a project of it, its page, and a visitor."""

    portal: Emulator
    folder: Path
    environ: dict[str, str]
    server: PageServer
    visitor: Visitor

    @property
    def project(self) -> Project:
        return self.server.site.project()

    def latest(self, kind: str) -> str:
        """Give the latest run of a kind."""
        return next(run.run_id for run in self.project.runs(100) if run.kind == kind)

    @property
    def plan_id(self) -> str:
        """The plan that was applied."""
        return next(each.id for each in reversed(self.project.plans.latest()) if each.state == "applied")


@contextmanager
def running_world(
    folder: Path, *, contacts: int = 60, activity: bool = False, pulled: bool = True, wide: bool = True
) -> Iterator[World]:
    """Make a portal and a project; with `pulled`, pull it, and plan and apply its sync; `wide`: all properties of it."""
    with Emulator(Settings(contacts=contacts, activity=activity, clock="real")) as portal:
        environ = write_project(folder, portal.base_url, wide=wide)
        with PageServer(folder, environ=environ) as server:
            if pulled:
                project = server.site.project()
                project.pull()
                source.write_source(folder / "warehouse.duckdb", "hubspot")
                project.apply(project.plan(["contacts"]).id)
            visitor = Visitor(server)
            visitor.open()
            yield World(portal, folder, environ, server, visitor)


def addresses_in(html: str) -> list[str]:
    """Give every address of ours that a page links to."""
    found = re.findall(r'(?:href|action|hx-get|hx-post)="(/[^"]*)"', html)
    return [each.replace("&amp;", "&") for each in found]
