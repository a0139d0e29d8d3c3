"""What a plan makes the portal define before it writes records: the key property, and options. Both can be repeated."""

from __future__ import annotations

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import fetch_properties, send_options, send_property
from hubferry.push.steps import AddOptions, CreateProperty, Step


def send_setup(client: Client, step: Step) -> None:
    """Make it so; raises RefusedError where HubSpot does not let us, before any record is written."""
    match step:
        case CreateProperty():
            present = {prop.name for prop in fetch_properties(client, step.object)}
            if step.property not in present:
                send_property(client, step.object, step.property, step.label, kind=step.kind, is_key=step.is_key)
        case AddOptions():
            send_options(client, step.object, step.property, step.options)
        case _:
            raise TypeError(f"a {type(step).__name__} defines nothing")
