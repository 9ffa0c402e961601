import { describe, expect, it } from 'vitest';

import { readConfig, type RawConfig } from './config';
import { PLAIN_CONFIG } from './widget';

const query = { metric_name: 'orders', aggregation: 'sum' };

function readWild(raw: Record<string, unknown>): ReturnType<typeof readConfig> {
  return readConfig(raw as RawConfig, 'chart', 'Orders');
}

describe('readConfig', () => {
  it('reads nothing out of nothing', () => {
    expect(readWild({})).toEqual(PLAIN_CONFIG);
  });

  it('passes over whatever is not what it should be', () => {
    const wild = {
      queries: [null, 7, { label: 'no query' }, { query, label: 3 }],
      subtitle: 4,
      unit: 'furlong',
      decimals: '2',
      chart: 'spiral',
      stack: 'yes',
      by: 'chance',
      min: 'low',
      max: Infinity,
      limit: null,
      thresholds: [null, {}, { value: 'x' }, { value: 3, tone: 'pink', of: 'whom', when: 'soon' }],
      reduce: 'median',
      over: 'a while',
      good: 'maybe',
      text: ['no'],
      event_types: 'USER_LOGIN',
      time_range: { last: 'long' },
      refresh_interval: '2s',
      compare: 'never',
    };
    expect(readWild(wild)).toEqual({
      ...PLAIN_CONFIG,
      queries: [{ query, label: 'Orders' }],
      thresholds: [{ value: 3, of: 'value', when: 'above', label: '', tone: 'warning' }],
    });
  });

  it('reads thresholds in full', () => {
    const said = { value: 0.5, of: 'baseline', when: 'below', label: 'half', tone: 'bad' };
    expect(readWild({ thresholds: [said] }).thresholds).toEqual([said]);
  });

  it('looks back, is refreshed and compared as the widget says', () => {
    const own = { ...query, time_range: { last: '1h' } };
    const said = { time_range: { last: '7d' }, refresh_interval: '5s', compare: '1d' };
    const config = readWild({ queries: [{ query }, { query: own }], ...said });
    expect(config.queries.map((one) => one.query.time_range?.last)).toEqual(['7d', '1h']);
    expect([config.last, config.refresh, config.compare]).toEqual(['7d', '5s', '1d']);
  });

  it('keeps to as many decimals as can be written', () => {
    expect(readWild({ decimals: 40 }).decimals).toBe(6);
    expect(readWild({ decimals: -1 }).decimals).toBe(0);
  });

  it('lets a card cover a minute, and a chart all that it shows', () => {
    expect(readConfig({ query }, 'metric', '').overMs).toBe(60_000);
    expect(readConfig({ query }, 'chart', '').overMs).toBeNull();
    expect(readConfig({ query, over: '5m' }, 'chart', '').overMs).toBe(300_000);
  });
});
