import { RepositoryGlob } from '../access/repository-glob.ts';
import type { SinkAction, SinkEvent } from './sink-event.ts';

export interface EventFilterOptions {
  readonly actions: readonly SinkAction[];
  /** `*` is any characters within a path component, `**` one or more components. Empty: all. */
  readonly repositories: readonly string[];
  /** Empty: all. */
  readonly mediaTypes: readonly string[];
  /** The share of pulls that is told, 0 to 1. */
  readonly pullSample: number;
}

/** Which events a sink wants. */
export class EventFilter {
  readonly #actions: ReadonlySet<SinkAction>;
  readonly #globs: readonly RepositoryGlob[];
  readonly #mediaTypes: ReadonlySet<string>;
  readonly #pullSample: number;

  constructor({ actions, repositories, mediaTypes, pullSample }: EventFilterOptions) {
    this.#actions = new Set(actions);
    this.#globs = repositories.map((pattern) => new RepositoryGlob(pattern));
    this.#mediaTypes = new Set(mediaTypes);
    this.#pullSample = pullSample;
  }

  /** Whether any event of these actions could pass. */
  wantsAny(actions: readonly SinkAction[]): boolean {
    return actions.some((action) => this.#actions.has(action));
  }

  /** Patterns of repositories and media types say nothing of logins, denials and keys. */
  passes(event: SinkEvent): boolean {
    if (!this.#actions.has(event.action)) return false;
    if (event.kind === 'access') return true;
    const { repository, target, action, id } = event;
    if (this.#globs.length > 0 && !this.#globs.some((glob) => glob.matches(repository, undefined)))
      return false;
    if (this.#mediaTypes.size > 0 && !this.#mediaTypes.has(target.mediaType)) return false;
    return action !== 'pull' || shareOf(id) < this.#pullSample;
  }
}

/** Where between 0 and 1 the id of an event stands: it is random, so a share of all ids is a share of all events. */
function shareOf(id: string): number {
  return Number.parseInt(id.slice(-8), 16) / 0x1_0000_0000;
}
