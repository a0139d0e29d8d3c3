"""Where the association calls are: v4 and dated paths, pairs and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hubspot_emulator import association_calls, association_labels, tokens
from hubspot_emulator.http import ApiRequest, Handler, Route
from hubspot_emulator.object_types import ObjectType

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal


def _kinds(portal: Portal, request: ApiRequest) -> tuple[ObjectType, ObjectType]:
    return portal.types.resolve(request.params["fromObjectType"]), portal.types.resolve(request.params["toObjectType"])


def read_both(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Both objects' read scopes are needed."""
    return tokens.read_scopes(*_kinds(portal, request))


def write_both(portal: Portal, request: ApiRequest) -> Sequence[frozenset[str]]:
    """Both objects' write scopes are needed."""
    return tokens.write_scopes(*_kinds(portal, request))


_Scopes = Callable[["Portal", ApiRequest], Sequence[frozenset[str]]]

_BATCHES: tuple[tuple[str, Handler, _Scopes], ...] = (
    ("batch/archive", association_calls.archive_batch, write_both),
    ("batch/associate/default", association_calls.create_default_batch, write_both),
    ("batch/create", association_calls.create_batch, write_both),
    ("batch/labels/archive", association_calls.archive_label_batch, write_both),
    ("batch/read", association_calls.read_batch, read_both),
)

_SINGLE: tuple[tuple[str, str, Handler, _Scopes], ...] = (
    ("DELETE", "{toObjectType}/{toObjectId}", association_calls.delete_pair, write_both),
    ("GET", "{toObjectType}", association_calls.list_links, read_both),
    ("PUT", "default/{toObjectType}/{toObjectId}", association_calls.put_default, write_both),
    ("PUT", "{toObjectType}/{toObjectId}", association_calls.put_pair, write_both),
)

_LABELS = (
    ("DELETE", "/{associationTypeId}", association_labels.delete, write_both),
    ("GET", "", association_labels.list_types, read_both),
    ("POST", "", association_labels.create, write_both),
    ("PUT", "", association_labels.rename, write_both),
)

_OBJECT = "{fromObjectType}/{fromObjectId}/associations"

ROUTES: tuple[Route, ...] = (
    *(
        Route(
            method="POST",
            template=f"{prefix}/{{fromObjectType}}/{{toObjectType}}/{path}",
            handler=handler,
            version=version,
            scopes=scopes,
        )
        for path, handler, scopes in _BATCHES
        for prefix, version in (("/crm/associations/{version}", None), ("/crm/v4/associations", "v4"))
    ),
    *(
        Route(method=method, template=f"{prefix}/{_OBJECT}/{path}", handler=handler, version=version, scopes=scopes)
        for method, path, handler, scopes in _SINGLE
        for prefix, version in (("/crm/objects/{version}", None), ("/crm/v4/objects", "v4"))
    ),
    # Inline associations of more than a hundred are continued under this address.
    Route(
        method="GET",
        template=f"/crm/v3/objects/{_OBJECT}/{{toObjectType}}",
        handler=association_calls.list_links,
        version="v3",
        scopes=read_both,
    ),
    *(
        Route(
            method=method,
            template=f"{prefix}/{{fromObjectType}}/{{toObjectType}}/labels{path}",
            handler=handler,
            version=version,
            scopes=scopes,
        )
        for method, path, handler, scopes in _LABELS
        for prefix, version in (
            ("/crm/associations/{version}", None),
            ("/crm/v4/associations", "v4"),  # what clients call
            ("/crm/associations/v4", "v4"),  # what the newer specification says
        )
    ),
)
