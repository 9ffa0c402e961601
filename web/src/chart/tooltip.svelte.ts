export interface TooltipRow {
  label: string;
  text: string;
  value: number;
  slot: number;
  /** How it differs from an earlier time: "+12%". */
  change?: string;
  /** Goes to what the row is about. */
  open?: () => void;
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
  /** Whether it stays until it is closed, and its rows can be opened. */
  pinned = $state(false);
  #owner: object | null = null;

  show(owner: object, content: TooltipContent): void {
    if (this.pinned) return;
    this.#owner = owner;
    this.content = content;
  }

  hide(owner: object): void {
    if (this.#owner === owner && !this.pinned) this.#clear();
  }

  /** Keeps what is shown where it is. */
  pin(): void {
    this.pinned = this.content !== null;
  }

  close(): void {
    this.#clear();
  }

  /** Hides what belongs to a chart that goes away. */
  drop(owner: object): void {
    if (this.#owner === owner) this.#clear();
  }

  #clear(): void {
    this.#owner = null;
    this.content = null;
    this.pinned = false;
  }
}
