const LONGEST_S = 30;
const JITTER = 0.25;

/**
 * How long to wait before reconnecting, in ms: 0, 1, 2, 4 … 30 s, each ± 25 % so that a server
 * that comes back is not met by everyone at once.
 *
 * @param attempt How many tries failed since the last that worked, from 0.
 * @param random A number in [0, 1).
 */
export function backoffMs(attempt: number, random: number): number {
  if (attempt === 0) return 0;
  const seconds = Math.min(2 ** (attempt - 1), LONGEST_S);
  return seconds * 1000 * (1 - JITTER + 2 * JITTER * random);
}
