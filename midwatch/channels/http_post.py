"""Posts JSON over HTTP: proxies of the environment, an own CA, time limits, and what the answer's status means."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
import urllib3

import midwatch
from midwatch.channels.message import Answer, AnswerLost, NotSent, Verdict
from midwatch.runbook.channels import ChannelTarget

_READ_LIMIT_BYTES = 8_192
_RETRY_AFTER_LIMIT_S = 3600.0
_BEFORE_SENDING = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.SSLError,
)
_BY_A_GATEWAY = (502, 504)
"""A gateway answers in place of the receiver, whose own answer is not known."""
_LATER = (407, 408, 423, 425, 429, 500, 503, 507)
"""407: a proxy wants a login, and the receiver has not been asked."""
_BAD_HEADER = "its authorization holds a sign that no header can have"
_BROKE_OFF = "(the answer broke off)"
_TAG = re.compile(r"<(style|script|head)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of an HTTP server."""

    status: int
    text: str
    retry_after_s: float | None = None

    @property
    def words(self) -> str:
        """`HTTP 404: no such channel`."""
        words = " ".join(_TAG.sub(" ", self.text).split()) if self.is_page else self.text.strip()
        return f"HTTP {self.status}: {words}" if words else f"HTTP {self.status}"

    @property
    def is_page(self) -> bool:
        """Whether the answer is a page for a browser, such as that of a proxy which wants a login."""
        return self.text.lstrip().startswith("<")

    def answer(self) -> Answer:
        """What the status says of the message."""
        if 200 <= self.status < 300:
            return Answer(Verdict.ACCEPTED, self.words)
        if self.status in _BY_A_GATEWAY:
            return Answer(Verdict.UNSURE, f"{self.words} (from a gateway: the receiver's own answer is not known)")
        if self.status in _LATER or self.status > 504:
            return Answer(Verdict.WAIT, self.words, self.retry_after_s)
        if 300 <= self.status < 400:
            return Answer(Verdict.REFUSED, f"{self.words} (it leads to another address, which is not followed)")
        return Answer(Verdict.REFUSED, self.words)


def post_json(
    url: str, body: Mapping[str, Any], target: ChannelTarget, headers: Mapping[str, str] | None = None
) -> Reply:
    """Post this body. Raises `NotSent` and `AnswerLost`."""
    if not url.lower().startswith(("https://", "http://")):
        raise NotSent("its address does not begin with https:// or http://", for_good=True)
    given = {"User-Agent": f"midwatch/{midwatch.__version__}", **(headers or {})}
    with requests.Session() as session:
        try:
            login = requests.utils.get_auth_from_url(url)
            session.auth = login if any(login) and "Authorization" not in given else _without_netrc
            with session.post(
                url,
                json=body,
                headers=given,
                timeout=target.timeout,
                verify=target.ca or True,
                allow_redirects=False,
                stream=True,
            ) as response:
                text = _beginning(response, target.timeout)
                return Reply(response.status_code, text, _seconds(response.headers.get("Retry-After")))
        except requests.RequestException as error:
            raise _failure(error) from error
        except UnicodeEncodeError as error:
            raise NotSent(_BAD_HEADER, for_good=True) from error
        except ValueError as error:
            raise NotSent("its address cannot be used", for_good=True) from error
        except OSError as error:  # a file of certificates that is not there
            raise NotSent(_words(error)) from error


def _without_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no login of ~/.netrc: only what the channel itself names."""
    return request


def _beginning(response: requests.Response, limit_s: float) -> str:
    """The first part of the body; the status is known already, so a body that breaks off or never ends changes
    nothing."""
    data, deadline = b"", time.monotonic() + limit_s
    try:
        for piece in response.iter_content(1):  # one byte: more would wait for all of them, however slowly they come
            data += piece
            if len(data) >= _READ_LIMIT_BYTES or time.monotonic() > deadline:
                break
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        data = data or _BROKE_OFF.encode()
    return data.decode("utf-8", "replace")


def _seconds(given: str | None) -> float | None:
    """The seconds of a header `Retry-After`, which has a number or a date."""
    if given is None:
        return None
    text = given.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 0.0), _RETRY_AFTER_LIMIT_S)


def _failure(error: requests.RequestException) -> Exception:
    """Whether the message can have reached the receiver before the error."""
    if isinstance(error, requests.exceptions.InvalidHeader):
        return NotSent(_BAD_HEADER, for_good=True)
    if isinstance(error, requests.exceptions.InvalidSchema):
        return NotSent("a SOCKS proxy needs PySocks: pip install pysocks", for_good=True)
    if isinstance(error, requests.exceptions.InvalidURL):
        what = "proxy's address" if isinstance(error, requests.exceptions.InvalidProxyURL) else "address"
        return NotSent(f"its {what} cannot be used", for_good=True)
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    before = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError | requests.ConnectTimeout)
    words = _words(cause if isinstance(cause, BaseException) else error)
    return NotSent(words) if before or isinstance(cause, _BEFORE_SENDING) else AnswerLost(words)


def _words(error: BaseException) -> str:
    """The innermost reason, without the address, which may be a secret."""
    innermost = error
    while (inner := innermost.__cause__ or innermost.__context__) is not None and inner is not innermost:
        if isinstance(inner, urllib3.exceptions.HTTPError | requests.RequestException | OSError):
            innermost = inner
            continue
        break
    if isinstance(innermost, urllib3.exceptions.ProtocolError) and isinstance(innermost.args[-1], Exception):
        innermost = innermost.args[-1]
    if isinstance(innermost, HTTPException) and not isinstance(innermost, OSError):
        return "its answer is not HTTP"
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    match innermost:
        case urllib3.exceptions.ReadTimeoutError() | TimeoutError():
            return "no answer within the time limit"
        case urllib3.exceptions.ConnectTimeoutError():
            return "no connection within the time limit"
    text = str(innermost)
    return text.rpartition(": ")[2].strip("')(\" ") or type(innermost).__name__
