import { SeriesTable } from './table';

/** What one count is of another at each time, in percent; nothing where there was nothing at all. */
export function shareOf(part: SeriesTable, whole: SeriesTable): SeriesTable {
  const parts = totals(part);
  const share = new SeriesTable();
  for (const [time, all] of totals(whole)) {
    if (all <= 0) continue;
    const value = (100 * (parts.get(time) ?? 0)) / all;
    share.merge([{ timestamp: new Date(time).toISOString(), value, tags: {} }]);
  }
  return share;
}

function totals(table: SeriesTable): Map<number, number> {
  const found = new Map<number, number>();
  const { times, columns } = table;
  times.forEach((time, row) => {
    const values = columns
      .map((column) => column.values[row] ?? NaN)
      .filter((value) => !Number.isNaN(value));
    if (values.length > 0)
      found.set(
        time,
        values.reduce((sum, value) => sum + value, 0),
      );
  });
  return found;
}
