import { afterEach, describe, expect, it } from 'vitest';

import { speak } from '../series/locale';
import type { Tags } from '../series/point';
import type { Drawing } from './drawing';
import { countsSizes, shareText, sizeLabel, sizesOf, sizesSummary } from './sizes';
import { PLAIN_CONFIG } from './widget';

const QUERY = { metric_name: 'api.duration', aggregation: 'histogram' };

function drawingOf(columns: [Tags, (number | null)[]][]): Drawing {
  return {
    shape: {
      times: [0, 60_000],
      columns: columns.map(([, values], i) => ({ key: String(i), values, lonely: [] })),
    },
    series: columns.map(([tags], i) => ({
      key: String(i),
      label: '',
      slot: 2,
      hidden: false,
      latest: null,
      query: QUERY,
      tags,
    })),
  };
}

const SIZES = sizesOf(
  drawingOf([
    [{ from: '15.9965', to: '22.8469' }, [3, 30]],
    [{ from: '31.9912', to: '45.6912' }, [1, null]],
  ]),
  'ms',
);

afterEach(() => {
  speak('en-GB');
});

describe('sizesOf', () => {
  it('names rows by their bounds, and axes by whole doublings', () => {
    expect(SIZES.drawing.series.map(({ label }) => label)).toEqual([
      '32–45.7 ms',
      '22.8–32 ms',
      '16–22.8 ms',
    ]);
    expect(SIZES.edges).toEqual(['32 ms', '', '16 ms']);
    expect(SIZES.totals).toEqual([4, 30]);
    expect(SIZES.drawing.series.every(({ slot }) => slot === 2)).toBe(true);
  });

  it('is told in words', () => {
    expect(sizesSummary('Durations', SIZES, '2 min')).toBe(
      'Durations: Heatmap of 2 min. 34 observations from 16–22.8 ms to 32–45.7 ms, ' +
        'most of them 16–22.8 ms: 33 of 34, 97%.',
    );
    expect(sizesSummary('Durations', sizesOf(drawingOf([]), 'ms'), '2 min')).toContain('No data');
  });
});

describe('texts', () => {
  it('say a unit once, unless there are two', () => {
    expect(sizeLabel({ from: 724, to: 1024 }, 'ms')).toBe('724 ms–1.02 s');
    expect(sizeLabel({ from: 0, to: 0 }, 'ms')).toBe('0 ms');
  });

  it('are of the viewer’s region', () => {
    speak('de-DE');
    expect(shareText(132, 3300).replace(/\s/g, ' ')).toBe('132 of 3.300, 4,0 %');
  });
});

describe('countsSizes', () => {
  it('tells by the question', () => {
    const config = { ...PLAIN_CONFIG, queries: [{ query: QUERY, label: '' }] };
    expect(countsSizes(config)).toBe(true);
    expect(countsSizes(PLAIN_CONFIG)).toBe(false);
  });
});
