import { describe, expect, it } from 'vitest';

import { rowsFor, type Order } from './rows';

const ROWS = [
  { key: 'a', label: 'GET /orders/10', slot: 0, value: 5 },
  { key: 'b', label: 'POST /orders/9', slot: 0, value: null },
  { key: 'c', label: 'GET /carts', slot: 0, value: 9 },
];

function keys(text: string, order: Order): string {
  return rowsFor(ROWS, text, order)
    .map(({ key }) => key)
    .join('');
}

describe('rowsFor', () => {
  it('sorts by value either way, and keeps what is not known at the end', () => {
    expect(keys('', { by: 'value', descending: true })).toBe('cab');
    expect(keys('', { by: 'value', descending: false })).toBe('acb');
  });

  it('sorts by name', () => {
    expect(keys('', { by: 'label', descending: false })).toBe('cab');
    expect(keys('', { by: 'label', descending: true })).toBe('bac');
  });

  it('finds words in any order', () => {
    expect(keys('orders get', { by: 'value', descending: true })).toBe('a');
    expect(keys('nothing', { by: 'value', descending: true })).toBe('');
  });
});
