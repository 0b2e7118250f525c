import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { BcryptQueue } from './bcrypt.ts';
import { GuessLimit } from './guess-limit.ts';
import { Logins } from './logins.ts';
import { passwordFile } from './password-file.ts';
import { Recent } from './recent.ts';

interface Options {
  readonly file: string;
  readonly realm: string;
  readonly cacheSeconds: number;
  readonly concurrency: number;
  readonly guessesPerAccount: number;
  readonly guessesPerAddress: number;
  readonly guessWindowSeconds: number;
}

const count = { type: 'integer', minimum: 0, maximum: 1_000_000 } as const;

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: [
    'file',
    'realm',
    'cacheSeconds',
    'concurrency',
    'guessesPerAccount',
    'guessesPerAddress',
    'guessWindowSeconds',
  ],
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      description:
        'The htpasswd file, with bcrypt hashes. Relative to the folder the registry is started in.',
    },
    realm: {
      type: 'string',
      pattern: '^[\\x20-\\x7e]*$',
      default: 'registry',
      description: 'What the challenge calls the registry. ASCII, without quotes and backslashes.',
      not: { type: 'string', pattern: '["\\\\]' },
    },
    cacheSeconds: {
      ...count,
      maximum: 3600,
      default: 60,
      description: 'How long a password that was checked is known without bcrypt. 0 checks each request.',
    },
    concurrency: {
      ...count,
      minimum: 1,
      maximum: 64,
      default: 1,
      description:
        'Passwords checked at the same time in one process; each takes a core. 64 more wait, others get 429.',
    },
    guessesPerAccount: {
      ...count,
      default: 10,
      description:
        'Wrong passwords for one name from one address until that address gets 429 for it. 0 is no limit.',
    },
    guessesPerAddress: {
      ...count,
      default: 100,
      description:
        'Wrong passwords from one address, whatever the name, until it gets 429. 0 is no limit: for a registry behind a proxy that is not in `http.trustedProxies`, so that all have its address.',
    },
    guessWindowSeconds: {
      ...count,
      minimum: 1,
      default: 900,
      description: 'Seconds after the first wrong password until all are forgotten.',
    },
  },
};

const MAX_WAITING = 64;
const MAX_REMEMBERED = 10_000;

/** Users and passwords from an htpasswd file. It has the last word on names and passwords: put it behind others. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'file'>>({
  name: 'auth-htpasswd',
  schema,
  setup({ name, hooks, options, log }) {
    const now = (): number => performance.now();
    const file = passwordFile(resolve(options.file), log);
    const window = options.guessWindowSeconds * 1000;
    const memory = options.cacheSeconds * 1000;
    const logins = new Logins({
      file,
      bcrypt: new BcryptQueue({ concurrency: options.concurrency, maxWaiting: MAX_WAITING }),
      perAccount: new GuessLimit(options.guessesPerAccount, window, now),
      perAddress: new GuessLimit(options.guessesPerAddress, window, now),
      right: new Recent(memory, MAX_REMEMBERED, now),
      wrong: new Recent(memory, MAX_REMEMBERED, now),
      delay: (milliseconds) => sleep(milliseconds, undefined, { ref: false }),
      log,
    });
    hooks.authenticate.tapPromise(name, async ({ basic, address, requestId }) =>
      basic === undefined ? undefined : logins.identify({ basic, address, requestId }),
    );
    hooks.challenge.tap(name, (challenges) => [
      ...challenges,
      `Basic realm="${options.realm}", charset="UTF-8"`,
    ]);
    return {
      start: () => file.open(),
      async stop() {
        file.close();
      },
    };
  },
});
