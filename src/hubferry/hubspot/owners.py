"""The users that records can be assigned to."""

from __future__ import annotations

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Option
from hubferry.hubspot.readers.pages import fetch_pages


def fetch_owner_options(client: Client) -> tuple[Option, ...]:
    """Give the owners as options of an owner property: the owner's id, labelled by the e-mail address."""
    pages = fetch_pages(client, "/crm/owners/{version}", params=[("limit", "100")])
    owners = (each for page in pages for each in page if not each.get("archived"))
    return tuple(Option(str(each["id"]), str(each.get("email") or "")) for each in owners)
