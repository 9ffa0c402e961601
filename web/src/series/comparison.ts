/** What a span is compared with: the one before it, or the same so much earlier. */
export const COMPARISONS = ['previous', '1d', '7d'] as const;

/** A comparison that is offered; null for anything else. */
export function readComparison(text: string | null): string | null {
  return COMPARISONS.find((one) => one === text) ?? null;
}

const WORDS: Record<string, string> = {
  previous: 'the span before',
  '1d': 'a day before',
  '7d': 'a week before',
};

/** `1d` → "a day before". */
export function comparisonWords(back: string): string {
  return WORDS[back] ?? `${back} before`;
}
