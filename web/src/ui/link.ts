/** An address in a text that a person wrote, if it may be followed: the web, mail, or this site. */
export function safeHref(href: string, base: string): string | null {
  if (!URL.canParse(href, base)) return null;
  const { protocol } = new URL(href, base);
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : null;
}
