export interface TooltipRow {
  label: string;
  text: string;
  value: number;
  slot: number;
}

export interface TooltipContent {
  /** Where the cursor is in the window, px. */
  x: number;
  y: number;
  /** What it is about: a moment. */
  title: string;
  rows: TooltipRow[];
}

/** The page's one tooltip. */
export class Tooltip {
  content = $state.raw<TooltipContent | null>(null);
  #owner: object | null = null;

  show(owner: object, content: TooltipContent): void {
    this.#owner = owner;
    this.content = content;
  }

  hide(owner: object): void {
    if (this.#owner !== owner) return;
    this.#owner = null;
    this.content = null;
  }
}
