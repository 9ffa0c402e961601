import { afterEach, describe, expect, it, vi } from 'vitest';

let frames: FrameRequestCallback[] = [];
let reduced = true;

function frame(now: number): void {
  const due = frames;
  frames = [];
  for (const step of due) step(now);
}

async function looped(): Promise<InstanceType<typeof import('./frame-loop').FrameLoop>> {
  vi.stubGlobal('requestAnimationFrame', (step: FrameRequestCallback) => frames.push(step));
  vi.stubGlobal('matchMedia', () => ({ matches: reduced }));
  vi.resetModules();
  const { FrameLoop } = await import('./frame-loop');
  return new FrameLoop();
}

afterEach(() => {
  vi.unstubAllGlobals();
  frames = [];
  reduced = true;
});

describe('FrameLoop', () => {
  it('draws all in each frame', async () => {
    reduced = false;
    const loop = await looped();
    const draw = vi.fn();
    loop.add(draw);
    for (const now of [0, 16, 32]) frame(now);
    expect(draw.mock.calls).toEqual([[0], [16], [32]]);
  });

  it('draws what is new at once, and then once a second, for who asked for less motion', async () => {
    const loop = await looped();
    const [first, second] = [vi.fn(), vi.fn()];
    loop.add(first);
    frame(0);
    loop.add(second);
    for (const now of [16, 32, 999, 1000]) frame(now);
    expect(first.mock.calls).toEqual([[0], [1000]]);
    expect(second.mock.calls).toEqual([[16], [1000]]);
  });

  it('does not draw what is gone', async () => {
    const loop = await looped();
    const draw = vi.fn();
    loop.add(draw)();
    frame(0);
    expect(draw).not.toHaveBeenCalled();
    expect(frames).toEqual([]);
  });
});
