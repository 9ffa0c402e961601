import { ALL, chooseOnly, isHidden, readChoice, toggle, type Choice } from './legend-choice';

const PREFIX = 'nowline.legend.';

/** What is chosen in a widget's legend: kept for as long as the tab is open, no affair of the dashboard. */
export class LegendState {
  readonly #name: string;
  #choice = $state.raw<Choice>(ALL);

  constructor(widget: string) {
    this.#name = `${PREFIX}${location.pathname}#${widget}`;
    this.#choice = readChoice(this.#kept());
  }

  /** Whether a series is hidden. */
  has(key: string): boolean {
    return isHidden(this.#choice, key);
  }

  only(key: string): void {
    this.#choose(chooseOnly(this.#choice, key));
  }

  toggle(key: string, all: readonly string[]): void {
    this.#choose(toggle(this.#choice, key, all));
  }

  #choose(choice: Choice): void {
    this.#choice = choice;
    try {
      sessionStorage.setItem(this.#name, JSON.stringify(choice));
    } catch {
      // Without storage it is kept until the page is left.
    }
  }

  #kept(): string | null {
    try {
      return sessionStorage.getItem(this.#name);
    } catch {
      return null;
    }
  }
}
