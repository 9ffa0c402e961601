import { SERIES_COLOURS } from '../series/palette';
import { TONES, type Tone } from '../series/threshold';

/** The colours of the theme as a canvas understands them. */
export interface Colours {
  text: string;
  grid: string;
  surface: string;
  tones: Record<Tone, string>;
  series: readonly string[];
}

/** What the tokens are worth right now, theme included: canvases know no custom properties. */
export function readColours(host: HTMLElement): Colours {
  const probe = document.createElement('span');
  host.append(probe);
  const style = getComputedStyle(probe);
  const resolve = (token: string): string => {
    probe.style.color = `var(--${token})`;
    return style.color;
  };
  const colours = {
    text: resolve('text-muted'),
    grid: resolve('grid'),
    surface: resolve('surface'),
    tones: Object.fromEntries(TONES.map((tone) => [tone, resolve(tone)])) as Record<Tone, string>,
    series: Array.from({ length: SERIES_COLOURS }, (_, slot) => resolve(`series-${String(slot)}`)),
  };
  probe.remove();
  return colours;
}

/** The same colour, see-through: `rgb(1, 2, 3)` → `rgba(1, 2, 3, 0.08)`. */
export function translucent(rgb: string, alpha: number): string {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${String(alpha)})`);
}
