import { describe, expect, it } from 'vitest';

import { safeHref } from './link';

const BASE = 'https://nowline.example.com/d/host';

describe('safeHref', () => {
  it.each([
    'https://a.example/x',
    'http://a.example',
    'mailto:a@b.example',
    '/d/shop',
    '#x',
    'x?y',
  ])('lets %s be followed', (href) => {
    expect(safeHref(href, BASE)).toBe(href);
  });

  it.each([
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,<script>1</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://a.example/1',
    'http://[',
  ])('does not let %j be followed', (href) => {
    expect(safeHref(href, BASE)).toBeNull();
  });
});
