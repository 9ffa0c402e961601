"""What the middleware of web frameworks has in common."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from nowline_client.client import Identity, Nowline
from nowline_client.complaints import Complaints, Quiet

Request = TypeVar("Request")
# Gives who a request is from, given what the framework passes to middleware.
Resolver = Callable[[Request], Identity]

NO_ROUTE = "(no route)"
_SERVER_ERROR = 500
_NOT_FOUND = 404
# Numbers, UUIDs, and what has eight or more letters and digits with at least one digit among them.
_IDENTIFIER = re.compile(
    r"\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=\w*\d)[\w-]{8,}"
)
_LONGEST_PATH = 200


class Visitors(Generic[Request]):
    """Records requests as API_CALL events.

    Args:
        client: Where they go.
        user: Who a request is from.
        organization: For which organization.
        session: In which session.
        exclude: Paths not to record; one that ends in `*` stands for all that begin so.
    """

    def __init__(
        self,
        client: Nowline,
        *,
        user: Resolver[Request] | None = None,
        organization: Resolver[Request] | None = None,
        session: Resolver[Request] | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        self._client = client
        self._user = user
        self._organization = organization
        self._session = session
        self._paths = frozenset(path for path in exclude if not path.endswith("*"))
        self._prefixes = tuple(path[:-1] for path in exclude if path.endswith("*"))
        self._quiet = Quiet(Complaints())

    def leaves_out(self, path: str) -> bool:
        """Whether requests for the path are not recorded."""
        return path in self._paths or path.startswith(self._prefixes)

    def record(
        self,
        request: Request,
        visit: Visit,
        *,
        address: str | None,
        agent: str | None,
    ) -> None:
        """Record a request that has ended."""
        with self._quiet:
            self._client.event(
                "API_CALL",
                user_id=self._ask(self._user, request),
                organization_id=self._ask(self._organization, request),
                session_id=self._ask(self._session, request),
                endpoint=visit.endpoint(),
                path=visit.path[:_LONGEST_PATH] if visit.route is None else None,
                method=visit.method,
                status=visit.status,
                duration_ms=visit.duration_ms(),
                ip_address=address,
                user_agent=agent,
                details=visit.details,
            )

    def _ask(self, resolver: Resolver[Request] | None, request: Request) -> Identity:
        if resolver is not None:
            with self._quiet:
                return resolver(request)
        return None


class Visit:
    """One request and how it is answered.

    Attributes:
        method: The HTTP method.
        path: The path as it was asked for.
        route: The template of its route, None as long as none is known.
        status: What was answered; 500 as long as nothing is, which is what servers then answer.
        details: What ended it, if an error did.
    """

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.route: str | None = None
        self.status = _SERVER_ERROR
        self.details: str | None = None
        self._began = time.perf_counter()

    def failed(self, error: BaseException, status: int = _SERVER_ERROR) -> None:
        """An error ended it, whatever had been answered until then."""
        self.status = status
        self.details = type(error).__name__

    def duration_ms(self) -> float:
        """From its begin until now."""
        return round((time.perf_counter() - self._began) * 1000, 3)

    def endpoint(self) -> str:
        """The route, or a name in its place: of a bounded number, whatever is asked for."""
        if self.route is not None:
            return self.route
        return NO_ROUTE if self.status == _NOT_FOUND else normalised(self.path)


def normalised(path: str) -> str:
    """The path with `{id}` for each part that looks like an identifier.

    >>> normalised("/orders/4711/lines/2b1f7a60-93aa-4d8e-a7a4-0c1d2b3e4f50")
    '/orders/{id}/lines/{id}'
    """
    parts = path[:_LONGEST_PATH].split("/")
    return "/".join("{id}" if _IDENTIFIER.fullmatch(part) else part for part in parts)
