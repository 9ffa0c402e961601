import { expect, it } from 'vitest';

import { channelName } from './channel-name';

it('names what is asked for, the same everywhere', () => {
  // FNV-1a of nothing and of "foobar", as its authors publish them.
  expect(channelName('')).toBe((0x811c9dc5).toString(36));
  expect(channelName('foobar')).toBe((0xbf9cf968).toString(36));
  expect(channelName('{"query":1}')).not.toBe(channelName('{"query":2}'));
});
