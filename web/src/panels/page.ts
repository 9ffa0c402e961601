import { createContext } from 'svelte';

import type { FrameLoop } from '../chart/frame-loop';
import type { Tooltip } from '../chart/tooltip.svelte';
import type { Sources } from '../live/feed.svelte';
import type { Palette } from '../series/palette';
import type { Theme } from '../ui/theme.svelte';

/** What every panel shares with the others on the page. */
export interface Page extends Sources {
  palette: Palette;
  theme: Theme;
  loop: FrameLoop;
  tooltip: Tooltip;
}

const [getPage, setPage] = createContext<Page>();

export { getPage, setPage };
