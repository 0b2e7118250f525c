import { OptionsError, type Logger } from '@entrepot/plugin-sdk';
import { Networks } from '@entrepot/plugin-sdk/access';
import { messageOf } from '../error-message.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Blob } from '../store/blob-store.ts';
import type { BlobUrls } from '../store/blob-urls.ts';
import { withinTime } from '../time-limit.ts';

export interface RedirectSettings {
  readonly enabled: boolean;
  /** Seconds a URL may be used for. */
  readonly expires: number;
  /** CIDR blocks. */
  readonly exceptNetworks: readonly string[];
  /** Texts that a User-Agent contains. */
  readonly exceptUserAgents: readonly string[];
}

/** Milliseconds: how long a client waits for a signature before it gets the bytes from here. */
const PATIENCE = 3_000;
/** Milliseconds in which nobody tries again after signing has failed. */
const PAUSE = 60_000;

/**
 * Who is sent to the bucket for the bytes of a blob. It saves traffic and nothing depends on it: when signing fails, the
 * bytes come from the registry.
 */
export class Redirects {
  readonly #settings: RedirectSettings;
  readonly #urls: BlobUrls;
  readonly #log: Logger;
  readonly #networks: Networks;
  readonly #userAgents: readonly string[];
  #pausedUntil = 0;

  /** @throws OptionsError when a network is none. */
  constructor(settings: RedirectSettings, urls: BlobUrls, log: Logger) {
    this.#settings = settings;
    this.#urls = urls;
    this.#log = log;
    this.#networks = networksOf(settings.exceptNetworks);
    this.#userAgents = settings.exceptUserAgents.map((text) => text.toLowerCase());
  }

  /** Whether whoever asks this may be sent elsewhere, if the blob can be had there. */
  suit(context: RequestContext): boolean {
    if (!this.#settings.enabled || !this.#urls.areSigned || context.method !== 'GET') return false;
    if (performance.now() < this.#pausedUntil) return false;
    if (this.#networks.has(context.address)) return false;
    const userAgent = context.header('user-agent')?.toLowerCase() ?? '';
    return !this.#userAgents.some((text) => userAgent.includes(text));
  }

  /** Where a blob can be had; `undefined` when only here. */
  async urlOf(blob: Blob): Promise<string | undefined> {
    try {
      return await withinTime(PATIENCE, this.#urls.sign(blob, this.#settings.expires));
    } catch (error) {
      this.#pausedUntil = performance.now() + PAUSE;
      this.#log.warn(
        { err: error },
        `no URL could be signed; for ${PAUSE / 1000} s, blobs are sent by the registry itself`,
      );
      return undefined;
    }
  }
}

function networksOf(networks: readonly string[]): Networks {
  try {
    return new Networks(networks);
  } catch (error) {
    throw new OptionsError([`config: redirects.exceptNetworks: ${messageOf(error)}`]);
  }
}
