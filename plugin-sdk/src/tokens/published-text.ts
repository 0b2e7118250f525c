/** Milliseconds one request may take, body included. */
const TIME_LIMIT = 5000;
const MAX_BYTES = 1024 ** 2;

/**
 * What a token server publishes at this URL. Redirects are refused: whose keys are trusted is for the operator to say,
 * not for a server on the way.
 * @throws Error when there is no answer within 5 s, or it is none, or longer than 1 MiB.
 */
export async function readPublished(url: string): Promise<string> {
  const answer = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIME_LIMIT),
  });
  if (!answer.ok || answer.body === null) {
    await answer.body?.cancel();
    throw new Error(`the answer of ${url} has status ${answer.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> = answer.body;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the answer of ${url} has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
