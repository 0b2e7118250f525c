/** Bytes of warnings in all that an answer may carry (distribution-spec, "Warnings"). */
const MAX_BYTES = 4096;

/**
 * A `Warning` header of the form the spec wants. Text is made to fit a quoted string; a warning that does not fit the
 * limit any more is left out, those that do are sent.
 */
export function warningHeaders(warnings: readonly string[]): { readonly warning?: string } {
  let header = '';
  for (const warning of warnings) {
    const value = `299 - "${quotable(warning)}"`;
    const longer = header === '' ? value : `${header}, ${value}`;
    if (longer.length <= MAX_BYTES) header = longer;
  }
  return header === '' ? {} : { warning: header };
}

function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').replace(/["\\]/g, '\\$&');
}
