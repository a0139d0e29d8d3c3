"""Reads `multipart/form-data` strictly: what is not exactly a form is refused, saying why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message

from hubspot_emulator.http import ApiError

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One field of a form; one with a filename is a file."""

    name: str
    filename: str | None
    body: bytes


def parse_form(content_type: str, body: bytes) -> list[Part]:
    """Give the parts in their order; ApiError 415 for another content type, 400 for a broken form."""
    header = Message()
    header["content-type"] = content_type
    if header.get_content_type() != "multipart/form-data":
        raise ApiError(415, f"multipart/form-data is needed, not {content_type or 'nothing'}", category=None)
    boundary = header.get_boundary()
    if boundary is None or not _BOUNDARY.fullmatch(boundary):
        raise ApiError(400, "The Content-Type names no valid boundary: let the HTTP library set it", category=None)
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(pieces) < 2 or pieces[0] or pieces[-1].rstrip(b"\r\n") != b"--":
        raise _broken("it does not start and end with its boundary")
    return [_parse_part(piece) for piece in pieces[1:-1]]


def _parse_part(piece: bytes) -> Part:
    head, blank_line, body = piece.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not blank_line:
        raise _broken("a part has no headers")
    header = Message()
    for line in head[2:].split(b"\r\n"):
        field, colon, value = line.partition(b":")
        if not colon:
            raise _broken("a part has a header without a colon")
        try:
            header[field.decode("ascii").strip()] = value.decode().strip()
        except UnicodeDecodeError as error:
            raise _broken("a part's headers are not UTF-8") from error
    name = header.get_param("name", header="content-disposition")
    if header.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise _broken("a part is not form-data with a name")
    return Part(name=name, filename=header.get_filename(), body=body)


def _broken(why: str) -> ApiError:
    return ApiError(400, f"The multipart body cannot be read: {why}", category=None)
