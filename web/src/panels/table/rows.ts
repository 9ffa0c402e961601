import type { Total } from '../totals';

export interface Order {
  by: 'label' | 'value';
  descending: boolean;
}

/** The rows whose names have the words of `text` in them, in this order; unknown values stand last. */
export function rowsFor(all: readonly Total[], text: string, { by, descending }: Order): Total[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter(({ label }) =>
    words.every((word) => label.toLowerCase().includes(word)),
  );
  const sign = descending ? -1 : 1;
  return found.sort((a, b) => {
    if (by === 'label') return sign * a.label.localeCompare(b.label, undefined, { numeric: true });
    if (a.value === null || b.value === null)
      return Number(a.value === null) - Number(b.value === null);
    return sign * (a.value - b.value);
  });
}
