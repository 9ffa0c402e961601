export type ThemeChoice = 'system' | 'light' | 'dark';

const STORED = 'nowline-theme';
const CHOICES: readonly ThemeChoice[] = ['system', 'light', 'dark'];

function choiceOf(text: string | null): ThemeChoice {
  return CHOICES.find((choice) => choice === text) ?? 'system';
}

/** In a frame of another site there may be nothing that is stored. */
function stored(): ThemeChoice {
  try {
    return choiceOf(localStorage.getItem(STORED));
  } catch {
    return 'system';
  }
}

/** The chosen theme; `version` counts what changes the colours, for what is drawn by script. */
export class Theme {
  choice = $state<ThemeChoice>(stored());
  version = $state(0);

  /** Follows the choice and the system until the returned function is called. */
  follow(): () => void {
    this.#apply();
    const system = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => {
      this.version += 1;
    };
    system.addEventListener('change', changed);
    return () => {
      system.removeEventListener('change', changed);
    };
  }

  choose(choice: ThemeChoice): void {
    localStorage.setItem(STORED, choice);
    this.show(choice);
  }

  /** Shows a theme here and now, as an address may ask for. */
  show(choice: ThemeChoice): void {
    this.choice = choice;
    this.#apply();
  }

  #apply(): void {
    if (this.choice === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.choice;
    this.version += 1;
  }
}
