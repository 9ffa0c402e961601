"""The page itself: built files, served as they are, compressed ahead where the client takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from nowline.api.problems import respond
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError

_BUILT = Path(__file__).parent / "page"
_INDEX = "index.html"
# The build puts a hash into every name under assets/: what has the name never changes.
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_PUBLIC = {"action": Action.PUBLIC}


@dataclass(frozen=True, slots=True)
class _File:
    """One built file in all its encodings; the plain one has the empty name."""

    media_type: str
    cache_control: str
    variants: Mapping[str, bytes]


class Page:
    """The built files, read once."""

    def __init__(self, folder: Path = _BUILT) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path, folder)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix not in {".br", ".gz"}
        }

    @property
    def is_built(self) -> bool:
        """Whether there is a page to show."""
        return _INDEX in self._files

    def index(self, accepted: str) -> Response[bytes]:
        """The page's one document in the best encoding among those accepted.

        Raises:
            NowlineError: UNAVAILABLE when the page was never built.
        """
        return self.respond(_INDEX, accepted)

    def respond(self, name: str, accepted: str) -> Response[bytes]:
        """A file in the best encoding among those accepted.

        Raises:
            NowlineError: NOT_FOUND for a file that is not part of the page, UNAVAILABLE when the
                page was never built.
        """
        file = self._files.get(name)
        if file is None and name == _INDEX:
            detail = "The page is not built: run `make setup`."
            raise NowlineError(Code.UNAVAILABLE, detail)
        if file is None:
            raise NowlineError(Code.NOT_FOUND, "There is nothing at this address.")
        encoding = _best(file, accepted)
        headers = {"cache-control": file.cache_control, "vary": "accept-encoding"}
        if encoding:
            headers["content-encoding"] = encoding
        return Response(file.variants[encoding], media_type=file.media_type, headers=headers)


@get(
    [
        "/",
        "/setup",
        "/dashboards",
        "/d/{dashboard:str}",
        "/activity",
        "/activity/{tab:str}",
        "/explore",
        "/kpis",
        "/settings",
    ],
    opt=_PUBLIC,
    include_in_schema=False,
)
async def index(request: Request[Any, Any, Any], page: NamedDependency[Page]) -> Response[bytes]:
    """The page's one document; what it shows depends on the address."""
    return page.index(request.headers.get("accept-encoding", ""))


def unknown_address(page: Page) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """The handler of addresses that nothing answers: whoever looks there is shown the page.

    It says that there is nothing, and leads on. Programs are told by a problem, as of every error.
    """

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        if not (page.is_built and _is_looked_at(request)):
            return respond(request, error)
        shown = page.index(request.headers.get("accept-encoding", ""))
        shown.status_code = HTTPStatus.NOT_FOUND
        return shown

    return handle


def _is_looked_at(request: Request[Any, Any, Any]) -> bool:
    """Whether a browser is led there, by an address or a link."""
    is_page = request.method in {"GET", "HEAD"} and not request.url.path.startswith("/api/")
    return is_page and "text/html" in request.headers.get("accept", "")


@get("/assets/{name:str}", opt=_PUBLIC, include_in_schema=False)
async def asset(
    request: Request[Any, Any, Any], page: NamedDependency[Page], name: FromPath[str]
) -> Response[bytes]:
    """A script, style sheet or picture of the page."""
    return page.respond(f"assets/{name}", request.headers.get("accept-encoding", ""))


def _read(path: Path, folder: Path) -> _File:
    media_type = guess_type(path.name)[0] or "application/octet-stream"
    variants = {"": path.read_bytes()}
    for encoding, suffix in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.exists():
            variants[encoding] = packed.read_bytes()
    is_asset = path.parent.name == "assets" and path.parent.parent == folder
    return _File(media_type, _FOREVER if is_asset else _ASK_AGAIN, variants)


def _best(file: _File, accepted: str) -> str:
    offered = {part.partition(";")[0].strip() for part in accepted.split(",")}
    return next((e for e, _ in _ENCODINGS if e in offered and e in file.variants), "")


routes = [index, asset]
