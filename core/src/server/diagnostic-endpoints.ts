import type { IncomingMessage, ServerResponse } from 'node:http';
import { RegistryError, type DiagnosticRoutes } from '@entrepot/plugin-sdk';
import type { Logger } from '../log.ts';
import { answerError, answerJson } from './answer.ts';

export type DiagnosticHandler = Parameters<DiagnosticRoutes['get']>[1];

/** The endpoints for operators: those of core, and those that plugins add. */
export class DiagnosticEndpoints implements DiagnosticRoutes {
  readonly #handlers = new Map<string, DiagnosticHandler>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get paths(): readonly string[] {
    return [...this.#handlers.keys()];
  }

  /** @throws Error when the path is taken. */
  get(path: string, handler: DiagnosticHandler): void {
    if (this.#handlers.has(path)) throw new Error(`the endpoint ${path} is there already`);
    this.#handlers.set(path, handler);
  }

  /** Answers with JSON. */
  json(path: string, give: () => unknown): void {
    this.get(path, async (_request, response) => {
      answerJson(response, 200, JSON.stringify(await give()));
    });
  }

  /** Answers a request; what is no endpoint gets the list of those there are. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?', 1);
    try {
      const handler = this.#handlers.get(path);
      if (handler === undefined) {
        const message = `nothing is here; there are ${this.paths.join(', ')}`;
        throw new RegistryError('UNSUPPORTED', message, { status: 404 });
      }
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new RegistryError('UNSUPPORTED', 'only GET and HEAD are possible here', { status: 405 });
      await handler(request, response);
    } catch (error) {
      answerError(response, error, this.#log);
    }
  }
}
