"""Proof of what was written: every record and link of a sync is read back by id and compared with what the ledger says of it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hubferry.config.model import Sync
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.push.changes import fetch_versions
from hubferry.push.draft import load_step
from hubferry.push.encode import canonical
from hubferry.push.link_reading import fetch_current
from hubferry.push.mapping import Portal
from hubferry.push.observed import Observed, fetch_observed
from hubferry.push.steps import CreateRecord, UpdateRecord
from hubferry.state.ledger import LedgerReader, LedgerRow, LinkRow
from hubferry.state.plans import PlanReader
from hubferry.state.store import StateReader, StateStore
from hubferry.types import Progress, Quiet

EQUAL, NORMALISED, IGNORED, CHANGED = "equal", "normalised", "ignored by HubSpot", "changed since"
PAGE = 1_000
SHOWN = 1_000
"""Findings kept one by one; the counts are of all."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One value or link that HubSpot does not hold as it was sent."""

    row_key: str
    object: str
    record_id: str
    what: str
    """The property, `record`, or the link."""
    verdict: str
    sent: str | None = None
    now: str | None = None
    by: str | None = None
    """Who changed it, as far as HubSpot tells."""
    at: str | None = None


@dataclass
class VerifyReport:
    """What reading a sync back found, in values and links by verdict."""

    sync: str
    records: int = 0
    values: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    calls: int = 0

    @property
    def exit_code(self) -> int:
        """0, or 1 where something was ignored or changed since; what HubSpot only writes otherwise is no difference."""
        counts = self.values + self.links
        return int(bool(counts[IGNORED] or counts[CHANGED]))

    def add(self, finding: Finding) -> None:
        """Note one difference."""
        if len(self.findings) < SHOWN:
            self.findings.append(finding)


def verify_sync(
    sync: Sync, *, client: Client, state: StateStore, recorded: bool = True, progress: Progress | None = None
) -> VerifyReport:
    """Compare everything that the ledger has of a sync with HubSpot; `recorded`: as a run of its own. Nothing is written to HubSpot."""
    if state.version() is None:
        return VerifyReport(sync.name)
    portal_id = fetch_account(client).portal_id
    run_id = state.start_run("verify", portal_id, {"sync": sync.name}) if recorded else None
    try:
        report = _Verifier(sync, client, state, portal_id, progress or Quiet()).verify()
    except BaseException as error:
        if run_id is not None:
            state.finish_run(run_id, "failed", {}, str(error) or type(error).__name__)
        raise
    if run_id is not None:
        counts = {f"values {name}": number for name, number in report.values.items()}
        counts |= {f"links {name}": number for name, number in report.links.items()}
        state.finish_run(run_id, "done", {"records": report.records, **counts, "calls": report.calls})
    return report


@dataclass
class _Verifier:
    sync: Sync
    client: Client
    state: StateReader
    portal_id: int
    progress: Progress

    def verify(self) -> VerifyReport:
        report, calls = VerifyReport(self.sync.name), self.client.usage.counted
        with self.state.warehouse.session():
            ledger = LedgerReader(self.state.warehouse, self.portal_id)
            rows = ledger.query_all(self.sync.name)
            while page := list(islice(rows, PAGE)):
                for object_name, some in _by_object(page):
                    self._verify_rows(object_name, some, report)
                self._verify_links(ledger.query_links(self.sync.name, [row.row_key for row in page]), report)
                report.records += len(page)
                self.progress.advance(f"verify {self.sync.name}", done=report.records, share=self.client.usage.share())
        report.calls = self.client.usage.counted - calls
        return report

    def _verify_rows(self, object_name: str, rows: Sequence[LedgerRow], report: VerifyReport) -> None:
        properties = Portal(self.client).fetch_properties(object_name)
        names = sorted({name for row in rows for name in row.sent if name in properties})
        live = fetch_observed(self.client, object_name, {row.record_id for row in rows}, names)
        gone = {row.record_id for row in rows} - live.keys()
        archived = fetch_observed(self.client, object_name, gone, (), archived=True)
        doubtful: list[_Doubt] = []
        for row in rows:
            record = live.get(row.record_id)
            if record is None:
                state = "archived" if row.record_id in archived else "gone"
                report.values[CHANGED] += 1
                report.add(_finding(row, "record", CHANGED, now=state))
                continue
            for name, sent in row.sent.items():
                prop = properties.get(name)
                if prop is None:
                    continue
                if means_same(sent, record.values.get(name), prop):
                    report.values[EQUAL] += 1
                else:
                    doubtful.append(_Doubt(row, prop, sent, record))
        self._judge(object_name, doubtful, report)

    def _judge(self, object_name: str, doubtful: Sequence[_Doubt], report: VerifyReport) -> None:
        """Tell apart what HubSpot made of our write and what somebody wrote afterwards."""
        moved = [each for each in doubtful if (each.now or "") != (each.row.stored.get(each.prop.name) or "")]
        kept = [each for each in doubtful if (each.now or "") == (each.row.stored.get(each.prop.name) or "")]
        before = self._query_before({each.row.row_key for each in kept})
        for each in kept:
            old = before.get((each.row.row_key, each.prop.name))
            ignored = not each.now or (old is not None and means_same(old, each.now, each.prop))
            verdict = IGNORED if ignored else NORMALISED
            report.values[verdict] += 1
            report.add(_finding(each.row, each.prop.name, verdict, sent=each.sent, now=each.now))
        ids, names = {each.record.record_id for each in moved}, {each.prop.name for each in moved}
        versions = fetch_versions(self.client, object_name, ids, names)
        for each in moved:
            latest = next(iter(versions.get((each.record.record_id, each.prop.name), ())), None)
            by, at = (latest.by, latest.at) if latest else (None, None)
            report.values[CHANGED] += 1
            report.add(_finding(each.row, each.prop.name, CHANGED, sent=each.sent, now=each.now, by=by, at=at))

    def _query_before(self, keys: set[str]) -> dict[tuple[str, str], str | None]:
        """Give what a property held before our last write of it; "" where that write made the record."""
        found: dict[tuple[str, str], str | None] = {}
        for stored in PlanReader(self.state.warehouse).query_applied(self.portal_id, self.sync.name, keys):
            step = load_step(stored)
            if isinstance(step, CreateRecord):
                found |= dict.fromkeys(((step.row_key, name) for name in step.properties), "")
            elif isinstance(step, UpdateRecord):
                found |= {(step.row_key, change.property): change.old or "" for change in step.changes}
        return found

    def _verify_links(self, rows: Sequence[LinkRow], report: VerifyReport) -> None:
        wanted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for row in rows:
            wanted[row.from_object, row.to_object].add((row.from_id, row.to_id))
        current = {objects: fetch_current(self.client, *objects, pairs) for objects, pairs in wanted.items()}
        for row in rows:
            there = current[row.from_object, row.to_object].get((row.from_id, row.to_id), set())
            if (row.category, row.type_id) in there:
                report.links[EQUAL] += 1
                continue
            report.links[CHANGED] += 1
            what = f"link to {row.to_object} {row.to_id}"
            now = "linked without it" if there else "no link"
            report.add(
                Finding(
                    row_key=row.row_key,
                    object=row.from_object,
                    record_id=row.from_id,
                    what=what,
                    verdict=CHANGED,
                    sent=row.label or "unlabelled",
                    now=now,
                )
            )


@dataclass(frozen=True)
class _Doubt:
    """A value that is not as it was sent."""

    row: LedgerRow
    prop: Property
    sent: str
    record: Observed

    @property
    def now(self) -> str | None:
        """Give what HubSpot holds."""
        return self.record.values.get(self.prop.name)


def means_same(sent: str, now: str | None, prop: Property) -> bool:
    """Tell whether HubSpot holds what was sent, in whichever spelling: of numbers, times, e-mails, phone numbers, lists."""
    if sent.startswith(";") and prop.field_type == "checkbox":
        return {part for part in sent.split(";") if part} <= set((now or "").split(";"))
    if canonical(sent, prop) == canonical(now, prop):
        return True
    return prop.field_type == "phonenumber" and bool(_digits(sent)) and _digits(sent) == _digits(now or "")


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone).lstrip("0")


def _by_object(rows: Iterable[LedgerRow]) -> Iterator[tuple[str, list[LedgerRow]]]:
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        found[row.object].append(row)
    yield from found.items()


def _finding(row: LedgerRow, what: str, verdict: str, **more: str | None) -> Finding:
    details: Mapping[str, str | None] = more
    return Finding(
        row_key=row.row_key, object=row.object, record_id=row.record_id, what=what, verdict=verdict, **details
    )
