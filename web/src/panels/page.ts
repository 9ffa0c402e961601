import { createContext, type Component } from 'svelte';

import type { FrameLoop } from '../chart/frame-loop';
import type { LinkedCursor } from '../chart/linked-cursor.svelte';
import type { Tooltip } from '../chart/tooltip.svelte';
import type { Sources } from '../live/feed.svelte';
import type { Query } from '../live/protocol';
import type { Palette } from '../series/palette';
import type { Tags } from '../series/point';
import type { Theme } from '../ui/theme.svelte';
import type { Widget } from './widget';

/** What every panel shares with the others on the page. */
export interface Page extends Sources {
  palette: Palette;
  theme: Theme;
  loop: FrameLoop;
  tooltip: Tooltip;
  cursor: LinkedCursor;
  /** Goes to one series of a query and what it is made of; null where there is no such place. */
  drill: ((query: Query, tags: Tags) => void) | null;
  /** Loads what shows the newest events; it stands above the panels. */
  loadFeed: () => Promise<{ default: Component<{ widget: Widget }> }>;
}

const [getPage, setPage] = createContext<Page>();

export { getPage, setPage };
