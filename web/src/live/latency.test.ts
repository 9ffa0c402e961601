import { describe, expect, it } from 'vitest';

import { Latency } from './latency';

/** A latency on a screen that draws when told, and all that it reported. */
function measured() {
  const drawings: (() => void)[] = [];
  const reported: (number | null)[] = [];
  const screen = {
    hidden: false,
    afterDrawing: (done: () => void) => {
      drawings.push(done);
    },
  };
  const clock = { now: 1000 };
  const latency = new Latency(
    () => clock.now,
    (ms) => reported.push(ms),
    screen,
  );
  const draw = (at: number) => {
    clock.now = at;
    drawings.splice(0).forEach((done) => {
      done();
    });
  };
  return { latency, screen, draw, drawings, reported };
}

describe('Latency', () => {
  it('is the time from arrival at the server to the end of the drawing', () => {
    const { latency, draw, reported } = measured();
    latency.arrived(1000);
    expect(reported).toEqual([]);
    draw(1084);
    expect(reported).toEqual([84]);
  });

  it('waits once for all frames that one drawing shows', () => {
    const { latency, draw, drawings, reported } = measured();
    latency.arrived(1000);
    latency.arrived(1020);
    latency.arrived(1030);
    expect(drawings.length).toBe(1);
    draw(1050);
    expect(reported).toEqual([30]);
  });

  it('is the middle of the last ten', () => {
    const { latency, draw, reported } = measured();
    latency.arrived(0);
    draw(5000);
    for (let i = 0; i < 10; i += 1) {
      latency.arrived(5000 + i);
      draw(5040 + i);
    }
    expect(reported.at(-1)).toBe(40);
  });

  it('is never below nothing, whatever the clocks say', () => {
    const { latency, draw, reported } = measured();
    latency.arrived(2000);
    draw(1990);
    expect(reported).toEqual([0]);
  });

  it('measures nothing that nobody sees', () => {
    const { latency, screen, drawings } = measured();
    screen.hidden = true;
    latency.arrived(1000);
    expect(drawings).toEqual([]);
  });

  it('counts nothing that waited while nobody saw', () => {
    const { latency, screen, draw, reported } = measured();
    latency.arrived(1000);
    screen.hidden = true;
    latency.arrived(2000);
    screen.hidden = false;
    draw(60_000);
    expect(reported).toEqual([]);
    latency.arrived(60_000);
    draw(60_030);
    expect(reported).toEqual([30]);
  });

  it('forgets what it measured', () => {
    const { latency, draw, reported } = measured();
    latency.arrived(1000);
    draw(3000);
    latency.reset();
    latency.arrived(3000);
    draw(3010);
    expect(reported).toEqual([2000, null, 10]);
  });
});
