/** What a chart's reader looks at, and can be moved by gestures and keys. */
export interface Lookout {
  zoom(start: number, end: number): void;
  zoomIn(around?: number | null): void;
  zoomOut(): void;
  pan(ms: number, how?: 'push' | 'replace'): void;
  back(): void;
}

/** Where gestures are made: a picture of time from left to right. */
export interface Plane {
  /** What takes the pointer. */
  readonly area: HTMLElement;
  /** The moment at a place, px from the left of the area. */
  timeAt(px: number): number;
}

/** A pointer that moves less than this has clicked. */
const CLICK_PX = 4;
/** A wheel that stands still for this long has come to its end. */
const WHEEL_END_MS = 160;

interface Drag {
  pointer: number;
  from: number;
  pans: boolean;
}

/** Drag: zoom; shift and drag, or shift and wheel: pan; double click: back. */
export class Gestures {
  /** How far the picture is moved for as long as a gesture lasts, ms. */
  drift = 0;
  /** Whether the picture has to stand still. */
  holds = false;
  readonly #plane: Plane;
  readonly #out: Lookout;
  readonly #box = document.createElement('div');
  #drag: Drag | null = null;
  #wheel: ReturnType<typeof setTimeout> | undefined;

  constructor(plane: Plane, out: Lookout) {
    this.#plane = plane;
    this.#out = out;
    this.#box.className = 'selection';
  }

  /** Takes gestures until the returned function is called; `onclick` where nothing was dragged. */
  follow(onclick: (event: PointerEvent) => void): () => void {
    const { area } = this.#plane;
    const leave = new AbortController();
    const { signal } = leave;
    area.addEventListener('pointerdown', this.#begin, { signal });
    area.addEventListener('pointermove', this.#move, { signal });
    area.addEventListener(
      'pointerup',
      (event) => {
        if (this.#drag?.pointer === event.pointerId) this.#end(event, onclick);
      },
      { signal },
    );
    area.addEventListener('pointercancel', this.#cancel, { signal });
    area.addEventListener(
      'dblclick',
      () => {
        this.#out.back();
      },
      { signal },
    );
    area.addEventListener('wheel', this.#roll, { signal, passive: false });
    window.addEventListener('keydown', this.#key, { signal, capture: true });
    return () => {
      this.#cancel();
      clearTimeout(this.#wheel);
      leave.abort();
    };
  }

  #at(event: MouseEvent): number {
    const { left, width } = this.#plane.area.getBoundingClientRect();
    return Math.max(0, Math.min(width, event.clientX - left));
  }

  readonly #begin = (event: PointerEvent): void => {
    if (event.button !== 0 || this.#drag) return;
    this.#plane.area.setPointerCapture(event.pointerId);
    this.#drag = { pointer: event.pointerId, from: this.#at(event), pans: event.shiftKey };
    this.holds = true;
  };

  readonly #move = (event: PointerEvent): void => {
    const drag = this.#drag;
    if (drag?.pointer !== event.pointerId) return;
    const to = this.#at(event);
    if (drag.pans) this.drift = this.#plane.timeAt(drag.from) - this.#plane.timeAt(to);
    else this.#select(drag.from, to);
  };

  #select(from: number, to: number): void {
    if (!this.#box.parentElement) this.#plane.area.append(this.#box);
    this.#box.style.left = `${String(Math.min(from, to))}px`;
    this.#box.style.width = `${String(Math.abs(to - from))}px`;
  }

  #end(event: PointerEvent, onclick: (event: PointerEvent) => void): void {
    const { from = 0, pans = false } = this.#drag ?? {};
    const to = this.#at(event);
    const { drift } = this;
    const [start, end] = [from, to].sort((a, b) => a - b).map((px) => this.#plane.timeAt(px));
    this.#cancel();
    if (Math.abs(to - from) < CLICK_PX) onclick(event);
    else if (pans) this.#out.pan(drift);
    else if (start !== undefined && end !== undefined) this.#out.zoom(start, end);
  }

  readonly #cancel = (): void => {
    this.#box.remove();
    this.#drag = null;
    this.holds = false;
    this.drift = 0;
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || !this.#drag) return;
    event.stopPropagation();
    this.#cancel();
  };

  /** Without shift the page scrolls, as anywhere else. */
  readonly #roll = (event: WheelEvent): void => {
    if (!event.shiftKey) return;
    event.preventDefault();
    const px = event.deltaX || event.deltaY;
    this.drift += this.#plane.timeAt(px) - this.#plane.timeAt(0);
    clearTimeout(this.#wheel);
    this.#wheel = setTimeout(() => {
      const { drift } = this;
      this.drift = 0;
      this.#out.pan(drift, 'replace');
    }, WHEEL_END_MS);
  };
}
