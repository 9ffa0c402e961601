import { explain } from '../../api/client';
import { duplicateWidget, newWidgetId, removeWidget } from '../../dashboard/commands';
import type { Widget } from '../../panels/widget';
import { asks } from '../../panels/widget';
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
        run: () => void this.#attempt(() => this.#keep(widget, 'csv')),
      },
      {
        name: 'Data as JSON',
        icon: 'down',
        run: () => void this.#attempt(() => this.#keep(widget, 'json')),
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

  async #keep(widget: Widget, format: 'csv' | 'json'): Promise<void> {
    const { filesOf } = await import('./files');
    for (const { name, file } of await filesOf(this.#app.api, widget, this.#app.view, format))
      download(file, fileName(name, format));
  }

  async #picture({ id, title }: Widget): Promise<void> {
    const shown = document.querySelector(`[data-widget="${CSS.escape(id)}"]`);
    const { pictureOf } = await import('../../dashboard/picture');
    if (shown) download(await pictureOf(shown), fileName(title, 'png'));
  }
}
