const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A short name for what is asked for, the same on every viewer's page: the server compresses a
 * frame once for all who call it by the same name. (FNV-1a, 32 bits, in base 36.)
 */
export function channelName(wanted: string): string {
  let hash = FNV_OFFSET;
  for (let i = 0; i < wanted.length; i += 1) {
    hash = Math.imul(hash ^ wanted.charCodeAt(i), FNV_PRIME);
  }
  return (hash >>> 0).toString(36);
}
