/** What a primary and its workers say to each other. Node's cluster uses the same channel for what is its own. */
export type WorkerMessage =
  /** To all other workers: what have you to say of this? */
  | { readonly entrepot: 'ask'; readonly id: string; readonly topic: string }
  /** To who asks: so many have been asked. */
  | { readonly entrepot: 'asking'; readonly id: string; readonly count: number }
  /** To who has asked. */
  | { readonly entrepot: 'answer'; readonly id: string; readonly worker: number; readonly text: string }
  /** To a worker: go on with the configuration as it is now. */
  | { readonly entrepot: 'reload' }
  /** To the primary; `failure` when the worker goes on as before. */
  | { readonly entrepot: 'reloaded'; readonly failure?: string };

/** The message, if it is one of ours. */
export function messageIn(received: unknown): WorkerMessage | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  const { entrepot, id, topic, count, worker, text, failure }: Readonly<Record<string, unknown>> = {
    ...received,
  };
  switch (entrepot) {
    case 'ask':
      return typeof id === 'string' && typeof topic === 'string' ? { entrepot, id, topic } : undefined;
    case 'asking':
      return typeof id === 'string' && typeof count === 'number' ? { entrepot, id, count } : undefined;
    case 'answer':
      return typeof id === 'string' && typeof worker === 'number' && typeof text === 'string'
        ? { entrepot, id, worker, text }
        : undefined;
    case 'reload':
      return { entrepot };
    case 'reloaded':
      return typeof failure === 'string' ? { entrepot, failure } : { entrepot };
    default:
      return undefined;
  }
}
