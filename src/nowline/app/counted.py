"""What the parts have counted, for the server's own metrics."""

from __future__ import annotations

from nowline.app.acts import Acts
from nowline.app.flow import Flow
from nowline.collect.flow import FlowState


def counted(flow: Flow, acts: Acts) -> FlowState:
    """Ask the parts what they have counted since the start."""
    taken, answered, caches = flow.ingest.taken, flow.engine.answered, flow.engine.caches
    read = {
        "store": flow.store_writer.offset,
        "windows": flow.window_worker.offset,
        "activity": acts.writer.offset,
    }
    return FlowState(
        rows=taken.accepted,
        rejected=taken.rejected,
        depth=flow.bus.state().depth,
        lag_s={group: flow.bus.waiting_s(offset) for group, offset in read.items()},
        queries=answered.queries,
        query_s=answered.seconds,
        hits={kind: tally.hits for kind, tally in caches.items()},
        misses={kind: tally.misses for kind, tally in caches.items()},
    )
