"""An alert: what changed with a job, without a value of any record, delivered by webhook and e-mail."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

import urllib3

from hubferry.config.model import EmailBlock
from hubferry.types import Secret

SECONDS = 15.0
"""How long a receiver may take."""
SIGNATURE = "Hubferry-Signature"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A job whose state changed."""

    job: str
    state: str
    was: str
    at: str
    """ISO 8601, UTC."""
    environment: str | None = None
    run_id: str | None = None
    rows_open: int = 0
    error: str | None = None


class DeliveryError(Exception):
    """An alert did not reach its receiver; says why without the address, which may be a secret."""


def render_subject(alert: Alert) -> str:
    """Give one line for people."""
    place = f" ({alert.environment})" if alert.environment else ""
    return f"hubferry{place}: {alert.job} is {alert.state}, was {alert.was}"


def render_text(alert: Alert) -> str:
    """Give a few lines for people, with the command to run next."""
    return "\n".join(_lines(alert)) + "\n"


def _lines(alert: Alert) -> Iterator[str]:
    yield f"{render_subject(alert)}, since {alert.at}."
    if alert.error:
        yield alert.error
    if alert.rows_open:
        yield f"{alert.rows_open:,} not done."
    env = f" --env {alert.environment}" if alert.environment else ""
    if alert.run_id:
        yield f"Look: hubferry show {alert.run_id}{env}"
    if alert.job != "pull" and alert.rows_open:
        yield f"      hubferry rejected {alert.job}{env}"


def build_signature(secret: Secret, body: bytes, seconds: int) -> str:
    """Give the header by which a receiver knows that the body is ours, and fresh."""
    signed = hmac.new(secret.reveal().encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


def deliver_webhook(alert: Alert, url: Secret, secret: Secret | None, seconds: int) -> None:
    """POST the alert as JSON; raise DeliveryError unless the receiver answers 2xx. No redirect is followed."""
    parts = urlsplit(url.reveal())
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise DeliveryError("the webhook's address must begin with https://")
    body = json.dumps(asdict(alert), sort_keys=True).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "hubferry"}
    if secret is not None:
        headers[SIGNATURE] = build_signature(secret, body, seconds)
    retries = urllib3.Retry(
        total=2, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None, redirect=False
    )
    try:
        with urllib3.PoolManager(timeout=SECONDS, retries=retries) as pool:
            answer = pool.request("POST", url.reveal(), body=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise DeliveryError(f"the webhook did not answer: {type(error).__name__}") from None
    if not 200 <= answer.status < 300:
        raise DeliveryError(f"the webhook answered {answer.status}")


def deliver_email(alert: Alert, block: EmailBlock, password: Secret | None) -> None:
    """Send the alert as a mail; raise DeliveryError where the server does not take it."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = render_subject(alert), block.from_, ", ".join(block.to)
    mail.set_content(render_text(alert))
    context = ssl.create_default_context()
    at_once = block.port == 465
    try:
        with (
            smtplib.SMTP_SSL(block.host, block.port, timeout=SECONDS, context=context)
            if at_once
            else smtplib.SMTP(block.host, block.port, timeout=SECONDS)
        ) as server:
            if not at_once and block.host not in LOOPBACK:
                server.starttls(context=context)
            if block.username and password is not None:
                server.login(block.username, password.reveal())
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(f"the mail server {block.host} did not take the mail: {type(error).__name__}") from None
