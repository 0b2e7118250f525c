import express, { type NextFunction, type Request, type Response } from 'express';
import { isRegistryError, RegistryError, type Hooks } from '@entrepot/plugin-sdk';
import type { Logger } from '../log.ts';
import { answerError, type RequestListener } from './answer.ts';

/**
 * Puts the routes and middleware of plugins in front of the registry, which is one root layer behind them. Express is
 * here for them alone: a registry without such plugins does not load it.
 * @throws whatever a tap of `middleware` throws.
 */
export function createApp(
  middleware: Hooks['middleware'],
  registry: RequestListener,
  log: Logger,
): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);

  const router = express.Router();
  middleware.call(router);
  app.use(router);
  app.use((request, response) => {
    registry(request, response);
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    answerError(response, isClientFault(error) ? refusalOf(error) : error, log);
  });
  return app;
}

/** Middleware marks errors that are the client's with a status (http-errors); Express itself does so for a broken path. */
function isClientFault(error: unknown): error is Error & { readonly status: number } {
  return (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status >= 400 &&
    error.status < 500
  );
}

function refusalOf(error: Error & { readonly status: number }): RegistryError {
  if (isRegistryError(error)) return error;
  return new RegistryError('UNSUPPORTED', 'the request cannot be understood', {
    status: error.status,
    cause: error,
  });
}
