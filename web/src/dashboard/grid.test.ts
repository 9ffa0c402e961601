import { describe, expect, it } from 'vitest';

import { breakpointFor } from './grid';

describe('breakpointFor', () => {
  it('goes by the room that a dashboard has', () => {
    const room = [320, 559, 560, 748, 1023, 1024, 1368, 3768];
    expect(room.map(breakpointFor)).toEqual([
      ...['small', 'small', 'medium', 'medium', 'medium'],
      ...['wide', 'wide', 'wide'],
    ]);
  });
});
