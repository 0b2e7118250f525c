/** The error `work` rejects with; a test that expects one fails when there is none. */
export async function rejectionOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('what was thrown is no error', { cause: error });
  }
  throw new Error('it was expected to reject');
}
