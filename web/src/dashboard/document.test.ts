import { describe, expect, it } from 'vitest';

import { readWidgets } from './document';

const position = { x: 0, y: 0, w: 3, h: 2 };
const query = { metric_name: 'host.net.sent_bytes', aggregation: 'sum' };

describe('readWidgets', () => {
  it('reads one query or several, and names series after the widget', () => {
    const [one, two] = readWidgets([
      { id: 'a', type: 'chart', title: 'Sent', position, config: { query } },
      {
        id: 'b',
        type: 'chart',
        title: 'B',
        position,
        config: { queries: [{ query, label: 'Out' }] },
      },
    ]);
    expect(one?.config.queries).toEqual([{ query, label: 'Sent' }]);
    expect(two?.config.queries).toEqual([{ query, label: 'Out' }]);
  });

  it('tells the unit from the metric and whether it is per second', () => {
    const config = { query, per_second: true };
    const [widget] = readWidgets([{ id: 'a', type: 'chart', position, config }]);
    expect(widget?.config.unit).toBe('bytes/s');
  });

  it('counts each minute, or as a share of another count', () => {
    const config = { query, per_minute: true };
    const [minute] = readWidgets([{ id: 'a', type: 'chart', position, config }]);
    expect(minute?.config).toMatchObject({ unit: '/min', perMs: 60_000 });
    const queries = [{ query }, { query }];
    const [share] = readWidgets([
      { id: 'b', type: 'metric', position, config: { queries, share: true } },
    ]);
    expect(share?.config).toMatchObject({ unit: 'percent', share: true });
    const [whole] = readWidgets([
      { id: 'c', type: 'metric', position, config: { query, share: true } },
    ]);
    expect(whole?.config.share).toBe(false);
  });

  it('keeps where a widget stands on smaller screens', () => {
    const layouts = { small: { x: 1, y: 0, w: 1, h: 2 } };
    const [put, free] = readWidgets([
      { id: 'a', type: 'chart', position, layouts, config: { query } },
      { id: 'b', type: 'chart', position, config: { query } },
    ]);
    expect([put?.layouts, free?.layouts]).toEqual([layouts, null]);
  });

  it('keeps the place of what it cannot show, and says what that is', () => {
    const [widget, chart] = readWidgets([
      { id: 'a', type: 'hologram', position, config: {} },
      { id: 'b', type: 'chart', position, config: { query, chart: 'spiral' } },
    ]);
    expect(widget).toMatchObject({ id: 'a', type: 'unknown', unknown: 'hologram', position });
    expect(chart).toMatchObject({ type: 'unknown', unknown: 'chart: spiral' });
  });
});
