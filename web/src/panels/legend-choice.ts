/** Which series of a widget are looked at: all but some, or only some. */
export interface Choice {
  only: boolean;
  keys: readonly string[];
}

export const ALL: Choice = { only: false, keys: [] };

export function isHidden({ only, keys }: Choice, key: string): boolean {
  return keys.includes(key) !== only;
}

/** Looks at one series; at all again if it already was the only one. */
export function chooseOnly(choice: Choice, key: string): Choice {
  const isOnly = choice.only && choice.keys.length === 1 && choice.keys[0] === key;
  return isOnly ? ALL : { only: true, keys: [key] };
}

/** Shows or hides one series; where nothing would be left, all are shown. */
export function toggle({ only, keys }: Choice, key: string, all: readonly string[]): Choice {
  const others = keys.filter((other) => other !== key);
  const changed = { only, keys: others.length < keys.length ? others : [...keys, key] };
  return all.every((one) => isHidden(changed, one)) ? ALL : changed;
}

/** A choice that was kept as text; all if it is none. */
export function readChoice(text: string | null): Choice {
  try {
    const { only, keys } = JSON.parse(text ?? '') as Partial<Choice>;
    if (typeof only === 'boolean' && Array.isArray(keys)) return { only, keys };
  } catch {
    // What cannot be read was not kept by this page.
  }
  return ALL;
}
