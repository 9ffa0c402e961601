"""Records each request of a WSGI application: Flask, Bottle, Pyramid and others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nowline_client.client import Nowline
from nowline_client.requests import Resolver, Visit, Visitors

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class NowlineWSGI:
    """Records each HTTP request, until its last byte is sent, as an API_CALL event.

    Its endpoint is the template of Flask's route, or what the application puts into the environ as
    `nowline.route`, else the path with `{id}` for what looks like an identifier. Resolvers are
    asked when the request has ended: `lambda environ: environ["shop.user"]`.

    Args:
        app: The application.
        client: Where requests are recorded.
        user: Gives who an environ's request is from.
        organization: Gives for which organization.
        session: Gives in which session.
        exclude: Paths not to record; one that ends in `*` stands for all that begin so.
    """

    def __init__(
        self,
        app: WSGIApplication,
        client: Nowline,
        *,
        user: Resolver[WSGIEnvironment] | None = None,
        organization: Resolver[WSGIEnvironment] | None = None,
        session: Resolver[WSGIEnvironment] | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        self._app = app
        self._visitors: Visitors[WSGIEnvironment] = Visitors(
            client, user=user, organization=organization, session=session, exclude=exclude
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, and record it."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if self._visitors.leaves_out(path):
            return self._app(environ, start_response)
        visit = Visit(environ.get("REQUEST_METHOD", "GET"), path)

        def note_status(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            visit.status = int(status[:3])
            # Flask forgets its request before the answer is sent.
            visit.route = _route(environ)
            return start_response(status, headers, exc_info)

        try:
            answer = self._app(environ, note_status)
        except BaseException as error:
            visit.failed(error)
            self._record(environ, visit)
            raise
        return self._until_sent(environ, visit, answer)

    def _until_sent(
        self, environ: WSGIEnvironment, visit: Visit, answer: Iterable[bytes]
    ) -> Iterable[bytes]:
        # A server sends a list in one piece and a file by itself, if it sees that they are such.
        wrapper = environ.get("wsgi.file_wrapper")
        is_file = isinstance(wrapper, type) and isinstance(answer, wrapper)
        if is_file or isinstance(answer, list | tuple):
            self._record(environ, visit)
            return answer
        return _Streamed(answer, visit, lambda: self._record(environ, visit))

    def _record(self, environ: WSGIEnvironment, visit: Visit) -> None:
        self._visitors.record(
            environ,
            visit,
            address=environ.get("REMOTE_ADDR"),
            agent=environ.get("HTTP_USER_AGENT"),
        )


class _Streamed:
    """An answer in parts; tells when the server has closed it, which it does in any case."""

    def __init__(self, answer: Iterable[bytes], visit: Visit, ended: Callable[[], None]) -> None:
        self._answer = answer
        self._parts: Iterator[bytes] | None = None
        self._visit = visit
        self._ended = ended

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._parts is None:
                self._parts = iter(self._answer)
            return next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._visit.failed(error)
            raise

    def close(self) -> None:
        try:
            close: Callable[[], Any] | None = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            self._ended()


def _route(environ: WSGIEnvironment) -> str | None:
    if (said := environ.get("nowline.route")) is not None:
        return str(said)
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is None:
        return None
    return f"{environ.get('SCRIPT_NAME', '')}{rule.rule}"
