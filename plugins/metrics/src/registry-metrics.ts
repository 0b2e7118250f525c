import type { RegistryFigures } from '@entrepot/plugin-sdk';
import { Counter, Gauge, Registry } from 'prom-client';
import type { MetricSource } from './exposition.ts';

/** What the registry counts itself, asked for when somebody wants to know. */
export class RegistryMetrics implements MetricSource {
  readonly #registry = new Registry();
  readonly #figures: () => RegistryFigures;

  constructor(figures: () => RegistryFigures, labels: Readonly<Record<string, string>>) {
    this.#figures = figures;
    this.#registry.setDefaultLabels(labels);
    this.#gauge(
      'http_requests_in_progress',
      'Requests under /v2 that are being served.',
      ({ requests }) => requests,
    );
    this.#gauge('uploads_in_progress', 'Uploads whose bytes are being received.', ({ uploads }) => uploads);
    this.#gauge(
      'events_waiting',
      'Events that wait for the plugins that want them.',
      ({ events }) => events.waiting,
    );
    this.#counter('events_dropped_total', 'Events dropped because too many waited.', [], ({ events }) => [
      { labels: {}, value: events.dropped },
    ]);
    this.#counter('cache_hits_total', 'What was in memory when it was asked for.', ['cache'], (now) =>
      Object.entries(now.caches).map(([cache, { hits }]) => ({ labels: { cache }, value: hits })),
    );
    this.#counter('cache_misses_total', 'What had to come from the storage.', ['cache'], (now) =>
      Object.entries(now.caches).map(([cache, { misses }]) => ({ labels: { cache }, value: misses })),
    );
    this.#counter('gc_runs_total', 'Runs of garbage collection in this process.', ['outcome'], (now) => [
      { labels: { outcome: 'completed' }, value: now.collection.runs },
      { labels: { outcome: 'failed' }, value: now.collection.failures },
    ]);
    this.#counter(
      'gc_freed_bytes_total',
      'Bytes that garbage collection in this process has freed.',
      [],
      (now) => [{ labels: {}, value: now.collection.freed }],
    );
    this.#gauge(
      'gc_last_run_timestamp_seconds',
      'When the last run in this process came to its end; 0 before the first.',
      ({ collection }) => (collection.last?.ended ?? 0) / 1000,
    );
    this.#gauge(
      'gc_last_run_duration_seconds',
      'How long that run took.',
      ({ collection }) => collection.last?.seconds ?? 0,
    );
    this.#gauge(
      'gc_waiting_bytes',
      'Bytes that nothing referred to in that run, and that stay for now.',
      ({ collection }) => collection.last?.waiting ?? 0,
    );
    this.#gauge(
      'gc_damaged_objects',
      "Objects that run could not understand: look with 'registry verify'.",
      ({ collection }) => collection.last?.damaged ?? 0,
    );
  }

  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, give: (now: RegistryFigures) => number): void {
    const figures = this.#figures;
    new Gauge({
      name: `entrepot_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(give(figures()));
      },
    });
  }

  #counter(
    name: string,
    help: string,
    labelNames: string[],
    give: (
      now: RegistryFigures,
    ) => readonly { readonly labels: Record<string, string>; readonly value: number }[],
  ): void {
    const figures = this.#figures;
    new Counter({
      name: `entrepot_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { labels, value } of give(figures())) this.inc(labels, value);
      },
    });
  }
}
