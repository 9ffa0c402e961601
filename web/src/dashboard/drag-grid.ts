import 'gridstack/dist/gridstack.css';

import { GridStack, type GridItemHTMLElement } from 'gridstack';

import type { Position } from '../panels/widget';
import { COLUMNS, type Breakpoint, type Placed } from './grid';

const ITEM = 'grid-stack-item';

/** Lets widgets be moved and resized with the pointer. */
export class DragGrid {
  readonly #host: HTMLElement;
  readonly #grid: GridStack;
  #placing = false;

  /**
   * @param host Holds one `.grid-stack-item` for each widget, with its id in `data-id`.
   * @param on Whose columns it has; on small screens widgets move up as far as there is room.
   * @param row The height of a row with the gap below it, px.
   * @param gap The gap between widgets, px.
   * @param onarrange Told where all stand after a person has moved or resized one.
   */
  constructor(
    host: HTMLElement,
    on: Breakpoint,
    row: number,
    gap: number,
    onarrange: (places: Map<string, Position>) => void,
  ) {
    this.#host = host;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const grid = GridStack.init(
      {
        auto: false,
        column: COLUMNS[on],
        cellHeight: row,
        margin: gap / 2,
        mode: on === 'small' ? 'top' : 'float',
        animate: !still,
        handle: 'header',
        draggable: { handle: 'header', cancel: 'button, [popover]', scroll: true },
        resizable: { handles: 'e,s,se,sw,w' },
        alwaysShowResizeHandle: 'mobile',
      },
      host,
    );
    if (!grid) throw new Error('The grid has no place on the page.');
    this.#grid = grid;
    this.#grid.on('change', () => {
      if (!this.#placing) onarrange(this.#places());
    });
  }

  /** Puts the widgets where a document says; called after each change of the document. */
  place(widgets: readonly Placed[]): void {
    this.#placing = true;
    this.#forgetGone();
    const wanted = new Map(widgets.map(({ id, position }) => [id, position]));
    // One that is put first may push away another that was right: the second round settles all.
    for (let round = 0; round < 2; round += 1) {
      this.#grid.batchUpdate(true);
      for (const element of this.#items()) this.#put(element, wanted.get(idOf(element)));
      this.#grid.batchUpdate(false);
    }
    this.#placing = false;
  }

  destroy(): void {
    this.#grid.destroy(false);
  }

  #items(): GridItemHTMLElement[] {
    return [...this.#host.querySelectorAll<GridItemHTMLElement>(`:scope > .${ITEM}[data-id]`)];
  }

  #forgetGone(): void {
    for (const { el } of [...this.#grid.engine.nodes]) {
      if (el && !el.isConnected) this.#grid.removeWidget(el, false, false);
    }
  }

  #put(element: GridItemHTMLElement, at: Position | undefined): void {
    if (!at) return;
    const node = element.gridstackNode;
    if (!node) this.#grid.makeWidget(element, { id: idOf(element), ...at });
    else if (node.x !== at.x || node.y !== at.y || node.w !== at.w || node.h !== at.h)
      this.#grid.update(element, { ...at });
  }

  #places(): Map<string, Position> {
    const places = this.#items().flatMap((element) => {
      const { x = 0, y = 0, w = 1, h = 1 } = element.gridstackNode ?? {};
      return element.gridstackNode ? [[idOf(element), { x, y, w, h }] as const] : [];
    });
    return new Map(places);
  }
}

function idOf(element: HTMLElement): string {
  return element.dataset['id'] ?? '';
}
