import { mount } from 'svelte';

import App from './App.svelte';
import type { Opening } from './features/opening';

/** Begins the page, in an element of the document. */
export function show(target: HTMLElement, opening: Opening): void {
  mount(App, { target, props: { opening } });
}
