/**
 * How much room an element would have if the page did not scroll, px. A layout that is chosen by it
 * cannot change it in turn by being longer or shorter.
 *
 * @param width What the element has now, px.
 */
export function roomOf(width: number): number {
  return width + window.innerWidth - document.documentElement.clientWidth;
}
