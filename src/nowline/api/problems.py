"""How every error is told: RFC 9457 problem details, whoever raised it."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from nowline.errors import Code, FieldError, NowlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar import Request

STATUS: Mapping[Code, int] = {
    Code.INVALID: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.TOO_SLOW: 408,
    Code.CONFLICT: 409,
    Code.STALE: 412,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED: 415,
    Code.UNPROCESSABLE: 422,
    Code.UPGRADE: 426,
    Code.LIMITED: 429,
    Code.UNAVAILABLE: 503,
    Code.DISK_FULL: 507,
}
MEDIA_TYPE = "application/problem+json"

# As RFC 9110 has them; the phrases that come with Python differ between its versions.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
_RETRY_LATER = {429, 503}
_DEFAULT_RETRY_S = 5
_PLACE = re.compile(r"^(?P<message>.*?) - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_NAMED = re.compile(
    r"^Object (?:missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL
)
_ROW = re.compile(r"^\[(?P<index>\d+)\]\.?")
_PARAMETER = re.compile(r"^Missing required (?P<kind>\w+) parameter '(?P<name>[^']+)'")
_PLAINER = (
    (re.compile(r"^Object missing required field `.*`$", re.DOTALL), "is required"),
    (re.compile(r"^Object contains unknown field `.*`$", re.DOTALL), "is not a known field"),
    (re.compile(r"^Expected `(?:str|array)` of length >= 1$"), "must not be empty"),
    (re.compile(r"^Expected `str` of length >= (\d+)$"), r"must have at least \1 characters"),
    (re.compile(r"^Expected `str` of length <= (\d+)$"), r"must have at most \1 characters"),
)
_logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error: RFC 9457, and what was wrong with which row and field."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


def problem_bytes(error: Exception) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that tell an error; an unexpected one is logged, not told."""
    problem, headers = _problem(error)
    headers["content-type"] = MEDIA_TYPE
    return problem.status, headers, msgspec.json.encode(problem)


def respond(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The handler of every exception that a route lets through."""
    status, headers, body = problem_bytes(error)
    return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def exception_handlers() -> dict[type[Exception] | int, Callable[..., Response[bytes]]]:
    """What the application is made with, so that no error is told in any other way."""
    return {Exception: respond}


def input_error(error: msgspec.DecodeError) -> NowlineError:
    """A refusal that names the field, by its full path, which could not be decoded."""
    if not isinstance(error, msgspec.ValidationError):
        reason = str(error).removeprefix("JSON is malformed: ")
        return NowlineError(Code.INVALID, f"The body is not valid JSON: {reason}.")
    return _refusal(_field_error(str(error)))


def _problem(error: Exception) -> tuple[Problem, dict[str, str]]:
    if isinstance(error, NowlineError):
        return _of_refusal(error)
    if isinstance(error, msgspec.DecodeError):
        return _of_refusal(input_error(error))
    if isinstance(error, ValidationException):
        return _of_refusal(_parameter_error(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _make(error.status_code, _detail(error)), dict(error.headers or {})
    _logger.error("unexpected error", exc_info=error)
    return _make(500, "Something went wrong here; the server's log says what."), {}


def _of_refusal(error: NowlineError) -> tuple[Problem, dict[str, str]]:
    status = STATUS[error.code]
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 408:  # the rest of what was sent too slowly is not waited for (RFC 9110, 15.5.9)
        headers["connection"] = "close"
    if error.retry_after_s is not None or status in _RETRY_LATER:
        headers["retry-after"] = str(error.retry_after_s or _DEFAULT_RETRY_S)
    errors = error.errors
    if error.code is Code.INVALID and not errors:  # of the input as a whole
        errors = (FieldError(error.detail),)
    return _make(status, error.detail, errors), headers


def _make(status: int, detail: str, errors: tuple[FieldError, ...] = ()) -> Problem:
    # No types of our own: the status tells what kind of problem it is.
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return Problem("about:blank", title, status, detail, errors)


def _detail(error: HTTPException) -> str:
    """The framework's own words, except where they say nothing."""
    if error.status_code == 404:
        return "There is nothing at this address."
    if error.status_code == 405:
        return f"This address answers only {(error.headers or {}).get('allow', '')}."
    return error.detail


def _parameter_error(error: ValidationException) -> NowlineError:
    """What the framework refused: a parameter, or a body that is missing."""
    if isinstance(error.__cause__, msgspec.ValidationError):
        return _refusal(_field_error(str(error.__cause__)))
    if match := _PARAMETER.match(error.detail):
        message = f"this {match['kind']} parameter is required"
        return _refusal(FieldError(message, field=match["name"]))
    return NowlineError(Code.INVALID, error.detail)


def _refusal(error: FieldError) -> NowlineError:
    if error.field == "data" and error.message == "is required":
        return NowlineError(Code.INVALID, "The request needs a JSON body.")
    row = None if error.index is None else f"[{error.index}]"
    where = ".".join(part for part in (row, error.field) if part)
    detail = f"{where}: {error.message}" if where else f"The body is wrong: {error.message}."
    return NowlineError(Code.INVALID, detail, errors=(error,))


def _field_error(text: str) -> FieldError:
    """The place and the message out of the decoder's sentence."""
    match = _PLACE.match(text)
    message, path = (match["message"], match["path"]) if match else (text, "")
    if named := _NAMED.match(message):
        path = f"{path}.{named['name']}"
    row = _ROW.match(path)
    field = path[row.end() :] if row else path.removeprefix(".")
    for pattern, plainer in _PLAINER:
        message = pattern.sub(plainer, message)
    return FieldError(message, index=int(row["index"]) if row else None, field=field or None)
