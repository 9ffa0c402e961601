/** Fills the screen, where somebody has just asked for it and the browser lets us. */
export function fillScreen(): void {
  document.documentElement.requestFullscreen().catch(() => undefined);
}
