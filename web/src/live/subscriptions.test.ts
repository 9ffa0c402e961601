import { describe, expect, it } from 'vitest';

import { asFrame, parseFrame, type DataFrame, type Wanted } from './protocol';
import { Subscriptions } from './subscriptions';

const wanted: Wanted = { query: { metric_name: 'a', aggregation: 'avg' }, interval: '1s' };

function frame(type: DataFrame['type'], id: string, position: string): DataFrame {
  return { type, id, frame: position, data: [], published_at: '', newest_at: null };
}

describe('Subscriptions', () => {
  it('asks for everything from the start on a first connection', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    expect(subscriptions.resume()).toEqual([{ type: 'subscribe', id: 'w1', ...wanted }]);
  });

  it('resumes each subscription after the last frame that it got', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    subscriptions.add('w2', wanted);
    subscriptions.admit(frame('snapshot', 'w1', 'e-4'));
    subscriptions.admit(frame('metrics_update', 'w1', 'e-5'));
    expect(subscriptions.resume().map(({ since }) => since)).toEqual(['e-5', undefined]);
  });

  it('asks for one of them again', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    expect(subscriptions.resumeOne('w1')).toEqual({ type: 'subscribe', id: 'w1', ...wanted });
    expect(subscriptions.resumeOne('w2')).toBeNull();
  });

  it('lets each update through once', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    expect(subscriptions.admit(frame('snapshot', 'w1', 'e-4'))).toBe(true);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-4'))).toBe(false);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-5'))).toBe(true);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-5'))).toBe(false);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-10'))).toBe(true);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-9'))).toBe(false);
  });

  it('continues where somebody else was', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted, 'e-4');
    expect(subscriptions.resume()[0]?.since).toBe('e-4');
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-4'))).toBe(false);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-5'))).toBe(true);
    expect(subscriptions.position('w1')).toBe('e-5');
  });

  it('waits for the picture that it asked for', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-5'))).toBe(false);
    expect(subscriptions.position('w1')).toBeNull();
    expect(subscriptions.admit(frame('snapshot', 'w1', 'e-5'))).toBe(true);
  });

  it('starts over in another epoch and after a reset', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    subscriptions.admit(frame('snapshot', 'w1', 'a-b-90'));
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'c-d-1'))).toBe(true);
    subscriptions.admit({ type: 'reset', id: 'w1' });
    expect(subscriptions.resume()[0]?.since).toBeUndefined();
    expect(subscriptions.admit(frame('snapshot', 'w1', 'c-d-1'))).toBe(true);
  });

  it('asks for snapshots again once it forgot', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    subscriptions.admit(frame('snapshot', 'w1', 'e-4'));
    subscriptions.positions.sse = 'x';
    subscriptions.forget();
    expect(subscriptions.positions.sse).toBeNull();
    expect(subscriptions.resume()[0]?.since).toBeUndefined();
  });

  it('ignores frames of what nobody reads any more', () => {
    const subscriptions = new Subscriptions();
    subscriptions.add('w1', wanted);
    subscriptions.remove('w1');
    expect(subscriptions.admit(frame('metrics_update', 'w1', 'e-1'))).toBe(false);
    expect(subscriptions.admit({ type: 'reset', id: 'w1' })).toBe(false);
    expect(subscriptions.size).toBe(0);
  });

  it('lets heartbeats and errors pass', () => {
    const subscriptions = new Subscriptions();
    expect(subscriptions.admit({ type: 'heartbeat' })).toBe(true);
    expect(subscriptions.admit({ type: 'error', status: 400, detail: 'no' })).toBe(true);
  });
});

describe('parseFrame', () => {
  it('reads known frames and skips what it does not know', () => {
    expect(parseFrame('{"type":"heartbeat"}')).toEqual({ type: 'heartbeat' });
    expect(parseFrame('{"type":"fireworks"}')).toBeNull();
    expect(parseFrame('not json')).toBeNull();
    expect(asFrame(null)).toBeNull();
    expect(asFrame([1])).toBeNull();
  });
});
