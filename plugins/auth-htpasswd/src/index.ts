import { resolve } from 'node:path';
import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import {
  loginOptions,
  Logins,
  realmOption,
  withBasicChallenge,
  type LoginLimits,
} from '@entrepot/plugin-sdk/access';
import { BcryptQueue } from './bcrypt.ts';
import { passwordFile } from './password-file.ts';
import { PasswordHashes } from './password-hashes.ts';

interface Options extends LoginLimits {
  readonly file: string;
  readonly passUnknown: boolean;
  readonly realm: string;
  readonly concurrency: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: [
    'file',
    'passUnknown',
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
    passUnknown: {
      type: 'boolean',
      default: false,
      description:
        'Leaves names that are not in the file to the plugins behind this one, instead of refusing them.',
    },
    realm: realmOption,
    concurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      default: 1,
      description:
        'Passwords checked at the same time in one process; each takes a core. 64 more wait, others get 429.',
    },
    ...loginOptions,
  },
};

const MAX_WAITING = 64;

/** Users and passwords from an htpasswd file. It has the last word on names, unless it passes unknown ones on. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'file'>>({
  name: 'auth-htpasswd',
  schema,
  setup({ name, hooks, options, log }) {
    const file = passwordFile(resolve(options.file), log);
    const check = new PasswordHashes({
      file,
      bcrypt: new BcryptQueue({ concurrency: options.concurrency, maxWaiting: MAX_WAITING }),
    });
    const logins = new Logins({ check, limits: options, log });
    hooks.authenticate.tapPromise(name, async ({ basic, address, requestId }) => {
      if (basic === undefined || (options.passUnknown && !check.has(basic.username))) return undefined;
      return logins.identify({ basic, address, requestId });
    });
    hooks.challenge.tap(name, (challenges) => withBasicChallenge(challenges, options.realm));
    return {
      start: () => file.open(),
      async stop() {
        file.close();
      },
    };
  },
});
