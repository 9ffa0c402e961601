import { describe, expect, it } from 'vitest';

import type { Drawing } from './drawing';
import { summary } from './summary';

const said = {
  title: 'Errors',
  kind: 'Line chart',
  spanMs: 300_000,
  unit: 'percent',
  decimals: null,
  marks: [{ at: 5, when: 'above', label: '5%', tone: 'bad' }],
} as const;

function drawn(count: number): Drawing {
  const names = Array.from({ length: count }, (_, i) => `s${String(i)}`);
  return {
    shape: {
      times: [0, 1, 2],
      columns: names.map((key) => ({ key, values: [1, null, 7], lonely: [] })),
    },
    series: names.map((key) => ({
      ...{ key, label: key, slot: 0, hidden: false, latest: 7 },
      ...{ query: { metric_name: 'm', aggregation: 'avg' }, tags: {} },
    })),
  };
}

describe('summary', () => {
  it('says what is now, what was, and which threshold is crossed', () => {
    expect(summary(drawn(1), said)).toBe(
      'Errors: Line chart of 5 min. s0 7%, between 1% and 7%, above 5%.',
    );
  });

  it('does not read out everything', () => {
    expect(summary(drawn(9), said)).toContain('; and 4 more.');
  });

  it('says that there is nothing', () => {
    expect(summary(drawn(0), said)).toBe('Errors: Line chart of 5 min. No data.');
  });
});
