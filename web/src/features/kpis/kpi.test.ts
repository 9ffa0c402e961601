import { describe, expect, it } from 'vitest';

import type { Kpi, KpiReading } from '../../api/resources';
import { inOneText } from '../../series/unit';
import {
  boundsOf,
  codeFor,
  curl,
  draftOf,
  EMPTY_DRAFT,
  EXAMPLE,
  faultIn,
  kpiOf,
  readPeriod,
  writeBounds,
  writeChange,
  writePeriod,
  writeValue,
} from './kpi';

const READING: KpiReading = {
  code: 'k',
  name: 'K',
  value: 3,
  previous: 2,
  delta: 1,
  delta_percent: 50,
  direction: 'up',
  unit: null,
  target: null,
  valid: true,
  period: 'day',
  timestamp: '2027-01-15T08:00:00.000Z',
};
const KPI: Kpi = { code: 'k', name: 'K', expression: '1', unit: '%', rules: [] };

describe('readPeriod', () => {
  it.each([
    ['period=hour', 'hour'],
    ['period=week', 'day'],
    ['', 'day'],
  ])('reads %j', (address, period) => {
    expect(readPeriod(new URLSearchParams(address))).toBe(period);
  });
});

describe('writePeriod', () => {
  it('leaves the rest of the address alone', () => {
    const params = writePeriod('minute', new URLSearchParams('range=1h&period=day'));
    expect(params.toString()).toBe('range=1h&period=minute');
  });
});

describe('writeValue', () => {
  it.each([
    [97.25, '%', '97.3%'],
    [1500, 'ms', '1.5 s'],
    [12, 'orders', '12 orders'],
    [12_345, null, '12.3k'],
    [2, '', '2'],
  ])('writes %d in %j', (value, unit, text) => {
    expect(inOneText(writeValue(value, unit))).toBe(text);
  });
});

describe('writeChange', () => {
  it.each<[Partial<KpiReading>, string | null]>([
    [{}, '↑ 50%'],
    [{ delta: -1, delta_percent: -4.567, direction: 'down' }, '↓ 4.6%'],
    [{ delta: 0, delta_percent: 0, direction: 'flat' }, '→ no change'],
    [{ delta: 3, delta_percent: null, unit: 'orders' }, '↑ 3 orders'],
    [{ delta: 9000, delta_percent: 90_000 }, '↑ over 999%'],
    [{ delta: 1.25, delta_percent: 2, unit: '%' }, '↑ 1.25 points'],
    [{ delta: null, delta_percent: null, direction: null }, null],
  ])('writes %j', (change, text) => {
    const written = writeChange({ ...READING, ...change });
    expect(written && `${written.arrow} ${written.text}`).toBe(text);
  });
});

describe('the bounds of a KPI', () => {
  it.each<[Kpi['rules'], string]>([
    [[], ''],
    [[{ min: 0 }], 'at least 0%'],
    [[{ max: 5 }, { max: 4 }], 'at most 4%'],
    [[{ min: 0, max: 100 }, { min: 10 }], 'from 10% to 100%'],
  ])('of %j are what all rules allow', (rules, text) => {
    expect(writeBounds({ ...KPI, rules })).toBe(text);
  });

  it('are none without rules', () => {
    expect(boundsOf(KPI)).toEqual({ min: null, max: null });
  });
});

describe('the form', () => {
  it('gives back what it was filled with', () => {
    const kpi = { ...KPI, target: 0, rules: [{ min: 0, max: 9 }] };
    expect(kpiOf(draftOf(kpi))).toEqual(kpi);
  });

  it('leaves out what is empty, and makes a code of the name', () => {
    const draft = { ...EMPTY_DRAFT, name: ' Größe je Tag ', expression: ' 1 ' };
    expect(kpiOf(draft)).toEqual({
      code: 'grosse-je-tag',
      name: 'Größe je Tag',
      expression: '1',
      unit: null,
      target: null,
      rules: [],
    });
  });

  it('makes no code that is too long or has a character that a code may not have', () => {
    expect(codeFor(`${'a'.repeat(70)} / b`)).toHaveLength(64);
    expect(codeFor('日本')).toBe('');
  });
});

describe('faultIn', () => {
  it('shows where in the expression it is', () => {
    expect(faultIn('sum(a) / ? 2', 'column 10: expected a number, not `?`')).toEqual({
      message: 'Expected a number, not `?`.',
      offset: 9,
      before: 'sum(a) / ',
      at: '?',
      after: ' 2',
    });
  });

  it('points behind the text where that ends too early', () => {
    const fault = faultIn('sum(a', 'column 6: expected `)`, not the end');
    expect(fault).toMatchObject({ offset: 5, before: 'sum(a', at: ' ', after: '' });
  });

  it('counts characters as the server does', () => {
    const fault = faultIn('sum("😀") ?', 'column 10: expected an operator');
    expect(fault).toMatchObject({ at: '?', offset: 10 });
  });

  it('shows only what is near', () => {
    const fault = faultIn(`${'1 + '.repeat(40)}?${' + 1'.repeat(40)}`, 'column 161: expected x');
    expect(fault?.before).toHaveLength(25);
    expect(fault?.after).toHaveLength(25);
    expect(fault?.at).toBe('?');
  });

  it('knows of no place without a column', () => {
    expect(faultIn('1', 'is required')).toBeNull();
  });
});

describe('the example', () => {
  it('is a command with the whole definition', () => {
    const command = curl('http://here');
    const body = /-d '(.*)'$/.exec(command)?.[1] ?? '';
    expect(command).toContain('http://here/api/v1/kpis');
    expect(JSON.parse(body)).toEqual(EXAMPLE);
  });
});
