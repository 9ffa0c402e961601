import type { Refresh } from '../../live/view.svelte';

export const REFRESH_NAMES: Record<Refresh, string> = {
  live: 'On change',
  '1s': 'Every 1 s',
  '5s': 'Every 5 s',
  '30s': 'Every 30 s',
  '1m': 'Every 1 min',
  '1h': 'Every hour',
  '1d': 'Every day',
};
