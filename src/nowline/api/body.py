"""How a JSON body becomes the typed value that a route asks for."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from litestar import Request

from nowline.api.problems import input_error
from nowline.errors import Code, NowlineError

T = TypeVar("T")


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body is decoded strictly, and in one pass, into the type of `data`.

    The framework's own way converts loosely (`"5"` becomes 5), which nobody should rely on.
    """

    async def json(self) -> Any:  # noqa: ANN401 - the type is the route's
        """The body, as the type that the route declares for `data`.

        Raises:
            NowlineError: The content type is not JSON, or the body does not fit.
        """
        content_type = self.content_type[0]
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise NowlineError(Code.UNSUPPORTED, "The Content-Type must be application/json.")
        field = self.route_handler.parsed_data_field
        return decode(await self.body(), Any if field is None else field.annotation)


def decode(body: bytes, kind: type[T]) -> T:
    """JSON as a typed value.

    Raises:
        NowlineError: It is malformed, or does not fit the type; then it names the field.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise input_error(error) from error
    except UnicodeDecodeError as error:
        raise NowlineError(Code.INVALID, "The body is not valid UTF-8.") from error
    except RecursionError as error:
        raise NowlineError(Code.INVALID, "The body is nested too deeply.") from error
