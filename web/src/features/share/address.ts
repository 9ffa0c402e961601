/** What of an address is no affair of those whom it is sent to. */
const OWN = ['edit', 'configure', 'transport', 'wall'];

/** The address of what is seen: the span of time and what was chosen stay, what is being done goes. */
export function addressOf(href: string): string {
  const url = new URL(href);
  for (const name of OWN) url.searchParams.delete(name);
  url.hash = '';
  return url.href;
}

/** The origins in a text, with a comma, a blank or a line end between them; a path is left out. */
export function originsOf(text: string): string[] {
  const words = text.split(/[\s,]+/).filter(Boolean);
  return [...new Set(words.map(originOf))];
}

function originOf(word: string): string {
  const address = word.includes('://') ? word : `https://${word}`;
  // What is no address is sent as it is: the server says what is wrong with it.
  return URL.canParse(address) ? new URL(address).origin : word;
}

const escapes: Record<string, string> = { '&': '&amp;', '"': '&quot;', '<': '&lt;', '>': '&gt;' };

/** The frame that shows an embedded dashboard, as HTML. */
export function frameOf(address: string, title: string): string {
  const name = title.replace(/[&"<>]/g, (one) => escapes[one] ?? one);
  return `<iframe src="${address}" title="${name}" width="100%" height="600" loading="lazy" style="border: 0"></iframe>`;
}
