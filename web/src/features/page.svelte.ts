import { createContext } from 'svelte';

import type { Api } from '../api/client';
import { FrameLoop } from '../chart/frame-loop';
import { LinkedCursor } from '../chart/linked-cursor.svelte';
import { Tooltip } from '../chart/tooltip.svelte';
import { Catalogue } from '../live/catalogue.svelte';
import { LiveClient } from '../live/client.svelte';
import { transportOf } from '../live/ladder';
import { Turns } from '../live/turns';
import { View } from '../live/view.svelte';
import type { Page } from '../panels/page';
import { Palette } from '../series/palette';
import type { Theme } from '../ui/theme.svelte';
import type { StoredDashboard } from './dashboards/stored.svelte';
import type { Session } from './session.svelte';
import { Sharing } from './share/sharing.svelte';
import type { Router } from './shell/router.svelte';
import { Stars } from './stars/stars.svelte';
import { FirstSteps } from './start/first-steps.svelte';

/** The whole signed-in page: what panels share, and what only features use. */
export interface App extends Page {
  session: Session;
  api: Api;
  router: Router;
  catalogue: Catalogue;
  sharing: Sharing;
  stars: Stars;
  firstSteps: FirstSteps;
  /** By id, the dashboards whose last changes the server does not have yet. */
  unsaved: Map<string, StoredDashboard>;
}

const [getApp, setApp] = createContext<App>();

export { getApp, setApp };

export function createApp(session: Session, router: Router, theme: Theme): App {
  const live = new LiveClient(session.api, transportOf(router.params.get('transport')));
  const catalogue = new Catalogue();
  const app: App = {
    session,
    router,
    theme,
    live,
    api: session.api,
    view: new View(live),
    turns: new Turns(),
    palette: new Palette(),
    loop: new FrameLoop(),
    tooltip: new Tooltip(),
    cursor: new LinkedCursor(),
    catalogue,
    firstSteps: new FirstSteps(session, catalogue),
    sharing: new Sharing(),
    stars: new Stars(session.api),
    unsaved: new Map(),
    drill: (query, tags) => {
      import('./explore/drill').then(
        ({ drill }) => drill(app, query, tags),
        // The server is away: what the click leads to could not be shown either.
        () => undefined,
      );
    },
    loadFeed: () => import('./activity/FeedWidget.svelte'),
  };
  return app;
}
