/**
 * Does `work` now and every so often while somebody looks, one at a time, until the returned
 * function is called.
 */
export function whileSeen(everyMs: number, work: () => Promise<void>): () => void {
  let busy = false;
  const again = (): void => {
    if (document.hidden || busy) return;
    busy = true;
    void work().then(() => (busy = false));
  };
  again();
  const timer = setInterval(again, everyMs);
  document.addEventListener('visibilitychange', again);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', again);
  };
}
