from __future__ import annotations

import wsgiref.util
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from flask import Blueprint, Flask, Response, abort, request

from nowline_client import Nowline, NowlineWSGI
from receiver import Receiver

pytest_plugins = ["recording"]


def shop(nl: Nowline) -> Flask:
    app = Flask(__name__)
    orders = Blueprint("orders", __name__, url_prefix="/orders")

    @orders.get("/<int:order_id>")
    def order(order_id: int) -> str:
        request.environ["shop.user"] = "ada"
        if order_id == 0:
            abort(404)
        return "yes"

    @app.get("/fails")
    def fails() -> str:
        raise RuntimeError("no")

    @app.get("/stream")
    def stream() -> Response:
        return Response(iter([b"a", b"b"]))

    @app.get("/breaks")
    def breaks() -> Response:
        def parts() -> Iterator[bytes]:
            yield b"a"
            raise RuntimeError("no")

        return Response(parts())

    @app.get("/healthz")
    def healthz() -> str:
        return "yes"

    app.register_blueprint(orders)
    app.wsgi_app = NowlineWSGI(  # type: ignore[method-assign]
        app.wsgi_app,
        nl,
        user=lambda environ: environ.get("shop.user"),
        organization=lambda _: "acme",
        session=lambda environ: environ["nothing"],
        exclude=["/healthz"],
    )
    return app


def ask(app: Callable[..., Iterable[bytes]], path: str, script_name: str = "") -> None:
    transport = httpx.WSGITransport(
        app, raise_app_exceptions=False, remote_addr="192.0.2.7", script_name=script_name
    )
    with httpx.Client(transport=transport, base_url="http://shop") as client:
        client.get(path, headers={"User-Agent": "test/1"})


def test_each_request_is_an_event_with_the_template_of_its_route(
    receiver: Receiver, nl: Nowline
) -> None:
    ask(shop(nl), "/orders/4711?secret=1")
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert 0 < row["metadata"].pop("duration_ms") < 20_000
    assert row["metadata"] == {
        "endpoint": "/orders/<int:order_id>",
        "method": "GET",
        "status": 200,
        "ip_address": "192.0.2.7",
        "user_agent": "test/1",
    }
    assert (row["event_type"], row["user_id"]) == ("API_CALL", "ada")
    assert row["organization_id"] == "acme"
    assert "session_id" not in row


@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [
        ("/orders/0", 404, "/orders/<int:order_id>"),
        ("/fails", 500, "/fails"),
        ("/stream", 200, "/stream"),
        ("/nothing", 404, "(no route)"),
    ],
)
def test_the_status_is_what_became_of_it(
    receiver: Receiver, nl: Nowline, path: str, status: int, endpoint: str
) -> None:
    ask(shop(nl), path)
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert (row["metadata"]["status"], row["metadata"]["endpoint"]) == (status, endpoint)


def test_a_stream_that_breaks_is_an_error(receiver: Receiver, nl: Nowline) -> None:
    with pytest.raises(RuntimeError):
        ask(shop(nl), "/breaks")
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert (row["metadata"]["status"], row["metadata"]["details"]) == (500, "RuntimeError")


def test_what_is_excluded_is_not_recorded(receiver: Receiver, nl: Nowline) -> None:
    ask(shop(nl), "/healthz")
    assert nl.flush()
    assert receiver.rows("events") == []


def test_an_application_may_say_its_route_and_be_below_a_path(
    receiver: Receiver, nl: Nowline
) -> None:
    ask(shop(nl), "/orders/7", script_name="/shop")

    def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        environ["nowline.route"] = "/mine"
        start_response("204 No Content", [])
        return []

    ask(NowlineWSGI(app, nl), "/x")
    assert nl.flush()
    endpoints = [row["metadata"]["endpoint"] for row in receiver.rows("events")]
    assert endpoints == ["/shop/orders/<int:order_id>", "/mine"]


def test_an_application_that_raises_is_an_error(receiver: Receiver, nl: Nowline) -> None:
    def app(*_: object) -> list[bytes]:
        raise KeyError("k")

    with pytest.raises(KeyError):
        NowlineWSGI(app, nl)({"PATH_INFO": "/users/7"}, lambda *_: print)
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert (row["metadata"]["status"], row["metadata"]["details"]) == (500, "KeyError")
    assert row["metadata"]["endpoint"] == "/users/{id}"


def test_lists_and_files_stay_what_they_are_for_the_server(receiver: Receiver, nl: Nowline) -> None:
    answers: list[Iterable[bytes]] = [[b"a"], wsgiref.util.FileWrapper(BytesIO(b"a"))]

    def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 OK", [])
        answer: Iterable[bytes] = environ["answer"]
        return answer

    watched = NowlineWSGI(app, nl)
    environ = {"PATH_INFO": "/", "wsgi.file_wrapper": wsgiref.util.FileWrapper}
    for answer in answers:
        assert watched({**environ, "answer": answer}, lambda *_: print) is answer
    assert nl.flush()
    assert [row["metadata"]["status"] for row in receiver.rows("events")] == [200, 200]
