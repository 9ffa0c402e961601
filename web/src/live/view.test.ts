import { beforeEach, describe, expect, it, vi } from 'vitest';

import { RANGES } from '../series/window';
import { Zone } from '../series/zone';
import type { LiveClient } from './client.svelte';
import { View } from './view.svelte';

const NOW = Date.parse('2026-05-01T10:00:00Z');
const MINUTE = 60_000;

class Clock {
  paused = false;

  serverNow(): number {
    return NOW;
  }

  pause(paused: boolean): void {
    this.paused = paused;
  }
}

let live: Clock;
let view: View;

beforeEach(() => {
  vi.setSystemTime(NOW);
  live = new Clock();
  view = new View(live as unknown as LiveClient);
  view.zone = new Zone('UTC');
});

function last(label: string): void {
  const range = RANGES.find((one) => one.label === label);
  if (range) view.go({ kind: 'last', range });
}

describe('a view', () => {
  it('looks at a window until it goes back to what it was', () => {
    last('1h');
    view.zoom(NOW - 40 * MINUTE, NOW - 30 * MINUTE);
    expect([view.end, view.spanMs, view.moving]).toEqual([NOW - 30 * MINUTE, 10 * MINUTE, false]);
    view.back();
    expect([view.end, view.range.label, view.moving]).toEqual([null, '1h', true]);
  });

  it('takes another look as a step, and the same as none', () => {
    view.zoom(NOW - 10 * MINUTE, NOW - 5 * MINUTE);
    const { step } = view;
    expect(step.how).toBe('push');
    view.zoom(NOW - 10 * MINUTE, NOW - 5 * MINUTE);
    expect(view.step).toBe(step);
  });

  it('does not stay paused when it looks back', () => {
    view.togglePause();
    expect(live.paused).toBe(true);
    view.zoom(NOW - 10 * MINUTE, NOW - 5 * MINUTE);
    expect(live.paused).toBe(false);
  });

  it('shifts by half a span, and moves along again at the end', () => {
    last('1h');
    view.shift(-1);
    expect([view.end, view.spanMs]).toEqual([NOW - 30 * MINUTE, 60 * MINUTE]);
    view.shift(-1);
    view.shift(1);
    expect(view.end).toBe(NOW - 30 * MINUTE);
    view.shift(1);
    expect([view.end, view.range.label]).toEqual([null, '1h']);
  });

  it('never looks into the future', () => {
    view.zoom(NOW - 10 * MINUTE, NOW - 2 * MINUTE);
    view.zoomOut();
    expect(view.end).toBe(NOW);
    expect(view.spanMs).toBe(16 * MINUTE);
  });

  it('zooms through the usual spans while it moves', () => {
    view.zoomOut();
    expect(view.range.label).toBe('15m');
    view.zoomIn();
    expect(view.range.label).toBe('5m');
    view.zoomIn();
    expect([view.end, view.spanMs]).toEqual([NOW - 75_000, 150_000]);
    view.zoomIn(NOW - 100_000);
    expect([view.end, view.spanMs]).toEqual([NOW - 62_000, 75_000]);
  });

  it('grows with the day', () => {
    view.go({ kind: 'today' });
    expect([view.since, view.end, view.spanMs]).toEqual([NOW - 600 * MINUTE, null, 600 * MINUTE]);
    view.go({ kind: 'yesterday' });
    expect([view.end, view.spanMs]).toEqual([NOW - 600 * MINUTE, 1440 * MINUTE]);
  });
});
