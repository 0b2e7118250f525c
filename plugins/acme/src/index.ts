import { setTimeout as sleep } from 'node:timers/promises';
import { definePlugin, type JSONSchemaType, type Logger } from '@entrepot/plugin-sdk';
import { certificateAuthority } from './certificate-authority.ts';
import { AcmeRecords } from './records.ts';
import { Renewal } from './renewal.ts';

interface Options {
  readonly domains: readonly string[];
  readonly directoryUrl: string;
  readonly email?: string;
  readonly agreeToTerms: boolean;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['domains', 'directoryUrl', 'agreeToTerms'],
  properties: {
    domains: {
      type: 'array',
      items: {
        type: 'string',
        pattern: '^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
      },
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description:
        'Names of the registry, which lead to it on port 80. One certificate is for all of them. In small letters, without wildcards.',
    },
    directoryUrl: {
      type: 'string',
      pattern: '^https://[^\\s]+$',
      default: 'https://acme-v02.api.letsencrypt.org/directory',
      description:
        "Where the CA begins. Try things out with Let's Encrypt's `https://acme-staging-v02.api.letsencrypt.org/directory`.",
    },
    email: {
      type: 'string',
      nullable: true,
      pattern: '^[^\\s@]+@[^\\s@]+$',
      description: 'Whom the CA writes to. It need not know anybody.',
    },
    agreeToTerms: {
      type: 'boolean',
      const: true,
      description: 'Says that you agree to the terms of service of the CA. It issues nothing without.',
    },
  },
};

/** Milliseconds between two looks at the certificate, and as long as there is none, at what another replica has got. */
const LOOK_EVERY = 60_000;
const LOOK_WITHOUT = 2_000;
const CHALLENGE = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,128})$/;
/** Questions that are looked up at a time: a CA asks a few, and others need not be answered. */
const MAX_ANSWERING = 16;

/** Gets the certificate of the registry from a CA, and renews it. Replicas share one through the storage. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'domains' | 'agreeToTerms'>>({
  name: 'acme',
  schema,
  setup(context) {
    const { name, hooks, options, log } = context;
    const { domains, directoryUrl, email } = options;
    let records: AcmeRecords | undefined;
    let renewal: Renewal | undefined;
    const ending = new AbortController();
    let answering = 0;

    hooks.certificate.tap(name, () => ({
      follow(use) {
        if (renewal === undefined) return;
        renewal.follow(use);
        void lookAllTheTime(renewal, log, ending.signal);
      },
      async answer(path) {
        const token = CHALLENGE.exec(path)?.[1];
        if (token === undefined || records === undefined || answering >= MAX_ANSWERING) return undefined;
        answering += 1;
        try {
          return await records.proof(token);
        } catch (error) {
          log.error({ err: error }, 'a proof for the CA could not be read');
          return undefined;
        } finally {
          answering -= 1;
        }
      },
    }));
    return {
      async start() {
        const driver = context.storage();
        // A plugin that is tried out on its own has nothing to do.
        if (driver === undefined) return;
        records = new AcmeRecords(driver, directoryUrl, domains);
        const authority = certificateAuthority({ directoryUrl, domains, email });
        renewal = new Renewal({ records, authority, log, now: () => Date.now() });
        await renewal.read();
      },
      async health() {
        if (renewal === undefined) return;
        const { current } = renewal;
        if (current === undefined) throw new Error('there is no certificate yet');
        if (current.validTo < Date.now()) throw new Error('the certificate has expired');
      },
      async stop() {
        ending.abort();
      },
    };
  },
});

/** Looks after the certificate until `signal` aborts. */
async function lookAllTheTime(renewal: Renewal, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await renewal.look();
    } catch (error) {
      log.error({ err: error }, 'the certificate could not be looked after; the one there is serves on');
    }
    const milliseconds = renewal.current === undefined ? LOOK_WITHOUT : LOOK_EVERY;
    await sleep(milliseconds, undefined, { ref: false, signal }).catch(() => undefined); // Aborted: the loop ends.
  }
}
