import { describe, expect, it } from 'vitest';

import { readConfig } from './config';
import { KINDS, kindOf } from './kinds';

const query = { metric_name: 'orders', aggregation: 'sum' };

describe('the kinds of widgets', () => {
  it('are told apart by what they put into a document', () => {
    for (const kind of KINDS) {
      expect(kindOf(kind.type, kind.config)?.id).toBe(kind.id);
      expect(kindOf(kind.type, { ...kind.config, query })?.id).toBe(kind.id);
    }
    expect(new Set(KINDS.map(({ id }) => id)).size).toBe(KINDS.length);
  });

  it('are read as what they are', () => {
    const drawn = KINDS.map((kind) => {
      const { chart, stack, by } = readConfig(kind.config, kind.type, kind.label);
      return `${kind.type} ${kind.type === 'chart' ? [chart, stack, by].join(' ') : ''}`;
    });
    expect(new Set(drawn).size).toBe(KINDS.length);
  });

  it('takes a chart that says nothing of itself for a line', () => {
    expect(kindOf('chart', { query })?.id).toBe('line');
  });

  it('knows what it does not know', () => {
    expect(kindOf('hologram', {})).toBeNull();
    expect(kindOf('chart', { chart: 'spiral' })).toBeNull();
    expect(kindOf('metric', { chart: 'pie' })?.id).toBe('metric');
  });
});
