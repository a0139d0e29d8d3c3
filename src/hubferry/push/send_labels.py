"""Defines the labels that links of a plan are to bear, before any link is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hubferry.errors import HubferryError, RefusedError, UnknownOutcomeError
from hubferry.hubspot import rejections
from hubferry.hubspot.associations import send_label
from hubferry.hubspot.client import Client
from hubferry.push import reconcile
from hubferry.push.results import Result, SentStep, rejected, unknown
from hubferry.push.steps import CreateLabel
from hubferry.state.leases import Lease
from hubferry.state.ledger import LedgerReader
from hubferry.warehouse.interface import Warehouse


@dataclass
class LabelSender:
    """Creates labels; one per apply."""

    client: Client
    warehouse: Warehouse
    lease: Lease

    def send(self, chunk: Sequence[SentStep]) -> tuple[list[Result], HubferryError | None]:
        """Give every result there is, and the error that stopped the rest, if one did. What is there already is done."""
        ledger = LedgerReader(self.warehouse, self.lease.portal_id)
        done = reconcile.fetch_outcomes(self.client, ledger, chunk)
        results = list(done.values())
        for each in chunk:
            if each.number in done or not isinstance(each.step, CreateLabel):
                continue
            try:
                self._send(each.step)
            except RefusedError as error:
                results.append(rejected(each, rejections.build_rejection(error)))
            except UnknownOutcomeError:
                found = reconcile.fetch_outcomes(self.client, ledger, [each])
                results += found.values() or [unknown(each)]
            except HubferryError as error:
                return results, error
            else:
                results.append(Result(number=each.number, sync=each.sync, step=each.step, state="applied"))
        return results, None

    def _send(self, step: CreateLabel) -> None:
        self.lease.require()
        send_label(self.client, step.from_object, step.to_object, name=_name(step.label), label=step.label)


def _name(label: str) -> str:
    """Give the name that HubSpot wants beside a text: two texts never give the same."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:40]
    return f"hubferry_{plain}_{hashlib.sha256(label.encode()).hexdigest()[:8]}".replace("__", "_")
