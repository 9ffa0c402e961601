import type { Plugin } from 'vite';

const LIBRARY = /uplot\/dist\/uPlot\.esm\.js$/;
const MADE_AT_ONCE = [
  [
    "numFormatter = new Intl.NumberFormat(domEnv ? nav.language : 'en-US')",
    'numFormatter = String',
  ],
  ['numFormatter.format(val)', 'numFormatter(val)'],
  ['localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone', "localTz = ''"],
] as const;

/**
 * Keeps the chart library from making formats of numbers and dates as it is loaded: the first in a
 * browser takes tens of milliseconds, and ours are written elsewhere.
 */
export function leaveOutFormats(): Plugin {
  return {
    name: 'nowline-leave-out-formats',
    transform: {
      filter: { id: LIBRARY },
      handler(code) {
        let changed = code;
        for (const [eager, instead] of MADE_AT_ONCE) {
          if (!changed.includes(eager)) this.error(`The chart library has no “${eager}” any more.`);
          changed = changed.replace(eager, instead);
        }
        return { code: changed, map: null };
      },
    },
  };
}
