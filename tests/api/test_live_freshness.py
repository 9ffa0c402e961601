"""How fresh live frames are: told in each of them, in `/metrics`, and as metrics to chart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asking import ask
from polling import eventually
from running import Server
from viewers import Desk, desk, socket, subscription


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def test_a_frame_says_when_its_newest_row_came_in(server: Server, here: Desk) -> None:
    with socket(server, here.token) as viewer:
        viewer.watch(subscription("fresh.frame"))
        here.post("fresh.frame", 1)
        update = viewer.expect("metrics_update")
    assert update["newest_at"] <= update["published_at"]


@pytest.mark.parametrize("step", ["publish", "write"])
def test_the_server_counts_both_steps(server: Server, here: Desk, step: str) -> None:
    name = f"nowline_live_{step}_seconds"
    before = here.counter(f"{name}_count")
    with socket(server, here.token) as viewer:
        viewer.watch(subscription(f"fresh.{step}"))
        here.post(f"fresh.{step}", 1)
        viewer.expect("metrics_update")
    assert eventually(lambda: here.counter(f"{name}_count") > before)
    assert here.counter(f'{name}_bucket{{le="+Inf"}}') >= here.counter(
        f'{name}_bucket{{le="0.064"}}'
    )


@pytest.mark.parametrize("name", ["nowline.live.publish_ms", "nowline.live.write_ms"])
def test_percentiles_of_both_steps_can_be_asked_for(server: Server, here: Desk, name: str) -> None:
    with socket(server, here.token) as viewer:
        viewer.watch(subscription("fresh.asked"))
        here.post("fresh.asked", 1)
        viewer.expect("metrics_update")
    found = eventually(lambda: ask(here.admin, name, aggregation="p99"))
    assert 0 <= found[0]["value"] < 10_000
