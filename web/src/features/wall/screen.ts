/** Leaves the whole screen to others again. */
export function leaveScreen(): void {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
}

/** Keeps the screen on until the returned function is called; it is let go while hidden. */
export function keepAwake(): () => void {
  const { wakeLock } = navigator as { wakeLock?: WakeLock };
  let lock: WakeLockSentinel | null = null;
  let over = false;
  const ask = (): void => {
    if (document.hidden || over) return;
    wakeLock?.request('screen').then(
      (held) => {
        if (over) void held.release();
        else lock = held;
      },
      () => undefined,
    );
  };
  document.addEventListener('visibilitychange', ask);
  ask();
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', ask);
    void lock?.release();
  };
}
