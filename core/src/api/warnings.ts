/** Bytes of warnings in all that an answer may carry (distribution-spec, "Warnings"). */
const MAX_BYTES = 4096;

/** A `Warning` header of the form the spec wants. Text is made to fit a quoted string; what exceeds the limit is left out. */
export function warningHeaders(warnings: readonly string[]): { readonly warning?: string } {
  let bytes = 0;
  const values = warnings
    .map((warning) => `299 - "${quotable(warning)}"`)
    .filter((value) => (bytes += value.length) <= MAX_BYTES);
  return values.length === 0 ? {} : { warning: values.join(', ') };
}

function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').replace(/["\\]/g, '\\$&');
}
