"""Companies by their domains, which HubSpot's API does not take as a key: from one scan of all companies a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.hubspot.readers.scan import Scan
from hubferry.hubspot.records import RecordShape
from hubferry.push.encode import canonical

COMPANIES, DOMAIN, ADDITIONAL = "companies", "domain", "hs_additional_domains"
_SHAPE: Final = RecordShape((DOMAIN, ADDITIONAL))


def is_by_domain(object_name: str, prop: Property | None) -> bool:
    """Tell whether records are named by the domain of companies, which several may share."""
    return object_name == COMPANIES and prop is not None and prop.name == DOMAIN


def canonical_domain(text: str) -> str:
    """Give what two spellings of a domain have in common: no scheme, `www.`, path or final dot, in lower case (HS-67)."""
    host = text.strip().lower().rpartition("//")[2].partition("/")[0].partition("?")[0].rstrip(".")
    return host.removeprefix("www.")


def canonical_key(text: str | None, prop: Property) -> object:
    """Give what a key means, so that two spellings of one key compare equal; None for an empty one."""
    return canonical_domain(text) or None if prop.name == DOMAIN and text else canonical(text, prop)


class CompanyDomains:
    """Which companies have which domain. A domain of several companies names none of them."""

    def __init__(self, ids: Mapping[str, tuple[str, ...]]) -> None:
        self._ids = ids

    def find(self, domain: str) -> tuple[str, ...]:
        """Give the record ids of the companies that have this domain, as their own or an additional one."""
        return self._ids.get(canonical_domain(domain), ())


def fetch_company_domains(client: Client) -> CompanyDomains:
    """Read the domains of every company: 100 a call, the price of a key that HubSpot does not index (HS-67)."""
    found: dict[str, tuple[str, ...]] = {}
    for page in Scan(client, COMPANIES, _SHAPE).pages():
        for record in page.records:
            for domain in _domains(_SHAPE.value(record, DOMAIN), _SHAPE.value(record, ADDITIONAL)):
                known = found.get(domain, ())
                if record.id not in known:  # a scan may show a record twice
                    found[domain] = (*known, record.id)
    return CompanyDomains(found)


def _domains(own: str | None, additional: str | None) -> Iterable[str]:
    texts = [own or "", *(additional or "").split(";")]
    return dict.fromkeys(each for text in texts if (each := canonical_domain(text)))
