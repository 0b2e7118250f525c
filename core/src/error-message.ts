/** What an error says. Anything can be thrown, also by the code of users. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
