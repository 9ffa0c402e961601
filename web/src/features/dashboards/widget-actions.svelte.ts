import { explain } from '../../api/client';
import { queryCsv } from '../../api/resources';
import { duplicateWidget, newWidgetId, removeWidget } from '../../dashboard/commands';
import { askedOnce } from '../../live/feed.svelte';
import type { Widget } from '../../panels/widget';
import { askingOf, asks } from '../../panels/widget';
import { download, fileName } from '../../ui/download';
import type { MenuItem } from '../../ui/Menu.svelte';
import { exploreAddress, questionOf } from '../explore/question';
import type { App } from '../page.svelte';
import type { StoredDashboard } from './stored.svelte';

/** What can be done with one widget of a dashboard. */
export class WidgetActions {
  problem = $state('');
  readonly #app: App;
  readonly #stored: StoredDashboard;

  constructor(app: App, stored: StoredDashboard) {
    this.#app = app;
    this.#stored = stored;
  }

  /** What anybody may do who sees it. */
  toSee(widget: Widget): MenuItem[] {
    const picture: MenuItem = {
      name: 'Picture as PNG',
      icon: 'down',
      run: () => void this.#attempt(() => this.#picture(widget)),
    };
    if (!asks(widget)) return [picture];
    return [
      ...this.#explore(widget),
      {
        name: 'Data as CSV',
        icon: 'down',
        run: () => void this.#attempt(() => this.#data(widget)),
      },
      {
        name: 'Data as JSON',
        icon: 'down',
        run: () => void this.#attempt(() => this.#json(widget)),
      },
      picture,
    ];
  }

  #explore({ config }: Widget): MenuItem[] {
    const [asked] = config.queries;
    if (!asked) return [];
    return [
      {
        name: 'Open in Explore',
        icon: 'explore',
        run: () => {
          this.#app.router.go(exploreAddress(questionOf(asked.query)));
        },
      },
    ];
  }

  view(widget: Widget): MenuItem {
    return {
      name: 'View alone',
      icon: 'expand',
      run: () => {
        this.#app.router.change({ widget: widget.id }, 'push');
      },
    };
  }

  edit(widget: Widget): MenuItem {
    return {
      name: 'Edit',
      icon: 'edit',
      run: () => {
        this.#app.router.change({ edit: '1', configure: widget.id }, 'push');
      },
    };
  }

  toChange({ id, title }: Widget): MenuItem[] {
    return [
      {
        name: 'Duplicate',
        icon: 'copy',
        run: () => {
          this.#stored.apply((content) => duplicateWidget(content, id, newWidgetId()));
        },
      },
      {
        name: 'Delete',
        icon: 'bin',
        danger: true,
        question: `Delete “${title || 'this widget'}”?`,
        run: () => {
          this.#stored.apply((content) => removeWidget(content, id));
        },
      },
    ];
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.problem = '';
    try {
      await work();
    } catch (error) {
      this.problem = explain(error);
    }
  }

  async #data(widget: Widget): Promise<void> {
    const { title, config } = widget;
    const several = config.queries.length > 1;
    for (const labelled of config.queries) {
      const { query, label } = labelled;
      const asked = askedOnce(query, this.#app.view, askingOf(widget, labelled));
      const rows = await queryCsv(this.#app.api, asked);
      download(rows, fileName(several ? `${title} ${label}` : title, 'csv'));
    }
  }

  async #json(widget: Widget): Promise<void> {
    const { dataOf } = await import('./files');
    const file = await dataOf(this.#app.api, widget, this.#app.view);
    download(file, fileName(widget.title, 'json'));
  }

  async #picture({ id, title }: Widget): Promise<void> {
    const shown = document.querySelector(`[data-widget="${CSS.escape(id)}"]`);
    const { pictureOf } = await import('../../dashboard/picture');
    if (shown) download(await pictureOf(shown), fileName(title, 'png'));
  }
}
