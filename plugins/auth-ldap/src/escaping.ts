/** A text as the value in a filter (RFC 4515 section 3): none of its characters has a meaning of its own. */
export function filterValue(text: string): string {
  return text.replace(/[\\*()\0]/g, hex);
}

/** A text as the value in a distinguished name (RFC 4514 section 2.4). */
export function nameValue(text: string): string {
  return text.replace(/[\\"+,;<>=#\0]|^ | $/g, hex);
}

/** `{user}` and the like in a pattern, replaced by values that have been made harmless by `escape`. */
export function filledIn(
  pattern: string,
  values: Readonly<Record<string, string>>,
  escape: (text: string) => string,
): string {
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? escape(values[name] ?? '') : whole,
  );
}

function hex(character: string): string {
  return `\\${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`;
}
