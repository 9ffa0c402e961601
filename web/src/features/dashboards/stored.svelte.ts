import { explain, Refused, Unreachable, type Api } from '../../api/client';
import { getDashboard, saveDashboard, STALE } from '../../api/dashboards';
import type { Dashboard } from '../../api/resources';
import { Autosave, type Outcome, type Saved, type SaveState } from '../../dashboard/autosave';
import { contentOf, type Content } from '../../dashboard/content';
import { begin, rebase, redo, step, undo, type History } from '../../dashboard/history';
import { keyOf, merge, takeTheirs, type Conflict } from '../../dashboard/merge';

const BUSY = 429;
const BROKEN = 500;
const LOOK_MS = 30_000;

function savedOf(dashboard: Dashboard): Saved {
  return { content: contentOf(dashboard), version: dashboard.version };
}

function outcomeOf(error: unknown): Outcome {
  const reason = explain(error);
  if (error instanceof Unreachable) return { kind: 'later', reason, afterMs: null };
  if (!(error instanceof Refused)) return { kind: 'refused', reason };
  if (error.status !== BUSY && error.status < BROKEN) return { kind: 'refused', reason };
  return { kind: 'later', reason, afterMs: (error.retryAfterS ?? 0) * 1000 };
}

/** A dashboard that people keep: what it is, how it came to be that, and whether the server has it. */
export class StoredDashboard {
  readonly id: string;
  readonly owner: string;
  readonly canEdit: boolean;
  saveState = $state<SaveState>('saved');
  /** Why it is not saved. */
  reason = $state('');
  conflicts = $state.raw<readonly Conflict[]>([]);
  /** Whether others' changes came in since somebody looked. */
  joined = $state(false);
  readonly #api: Api;
  readonly #autosave: Autosave;
  #history = $state.raw<History<Content>>() as History<Content>;

  constructor(api: Api, dashboard: Dashboard) {
    this.#api = api;
    this.id = dashboard.id;
    this.owner = dashboard.owner;
    this.canEdit = dashboard.can_edit;
    const saved = savedOf(dashboard);
    this.#history = begin(saved.content);
    this.#autosave = new Autosave(saved, this, () => this.content, {
      state: (state, reason) => {
        this.saveState = state;
        this.reason = reason;
      },
      merged: (base, theirs, conflicts) => {
        this.#joined(base, theirs, conflicts);
      },
    });
  }

  get content(): Content {
    return this.#history.present;
  }

  get canUndo(): boolean {
    return this.#history.past.length > 0;
  }

  get canRedo(): boolean {
    return this.#history.future.length > 0;
  }

  get isSaved(): boolean {
    return this.saveState === 'saved';
  }

  /** Changes it; changes of one `kind` that follow each other are undone together. */
  apply(change: (content: Content) => Content, kind: string | null = null): void {
    const changed = change(this.content);
    if (changed === this.content) return;
    this.#to(step(this.#history, changed, kind));
  }

  undo(): void {
    this.#to(undo(this.#history));
  }

  redo(): void {
    this.#to(redo(this.#history));
  }

  /** Saves what waits, without the usual moment. */
  flush(): void {
    this.#autosave.flush();
  }

  decide(conflict: Conflict, side: 'mine' | 'theirs'): void {
    const key = keyOf(conflict);
    this.conflicts = this.conflicts.filter((other) => keyOf(other) !== key);
    if (side === 'theirs') this.apply((content) => takeTheirs(content, conflict));
    if (this.conflicts.length === 0) this.#autosave.decided();
  }

  /** Takes in what others make of it, until the returned function is called. */
  watch(): () => void {
    const timer = setInterval(() => {
      if (!document.hidden && this.isSaved) void this.#look();
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
    };
  }

  async save(content: Content, version: number): Promise<Outcome> {
    try {
      const dashboard = await saveDashboard(this.#api, this.id, content, version);
      return { kind: 'saved', saved: savedOf(dashboard) };
    } catch (error) {
      if (error instanceof Refused && error.status === STALE) return this.#stale();
      return outcomeOf(error);
    }
  }

  async #stale(): Promise<Outcome> {
    try {
      return { kind: 'stale', theirs: savedOf(await getDashboard(this.#api, this.id)) };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  /** What cannot be asked now can be asked at the next look. */
  async #look(): Promise<void> {
    const told = await getDashboard(this.#api, this.id).catch(() => null);
    if (told) this.#autosave.heard(savedOf(told));
  }

  #to(history: History<Content>): void {
    if (history === this.#history) return;
    this.#history = history;
    this.#autosave.changed();
  }

  #joined(base: Content, theirs: Content, conflicts: readonly Conflict[]): void {
    this.#history = rebase(this.#history, (mine) => merge(base, mine, theirs).content);
    this.conflicts = conflicts;
    this.joined = this.canUndo;
  }
}
