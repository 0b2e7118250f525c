import express, { type NextFunction, type Request, type Response } from 'express';
import type { Hooks } from '@entrepot/plugin-sdk';
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
    answerError(response, error, log);
  });
  return app;
}
