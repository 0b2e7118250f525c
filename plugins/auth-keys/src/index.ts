import { definePlugin, type JSONSchemaType, type StorageDriver } from '@entrepot/plugin-sdk';
import { realmOption, withBasicChallenge } from '@entrepot/plugin-sdk/access';
import { KeyApi } from './key-api.ts';
import { KeyLogins } from './key-logins.ts';
import { KeyStore } from './key-store.ts';
import { KeyUses } from './key-uses.ts';

interface Options {
  readonly administrators: readonly string[];
  readonly maxDays: number;
  readonly realm: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['administrators', 'maxDays', 'realm'],
  properties: {
    administrators: {
      type: 'array',
      items: { type: 'string', pattern: '^(?:user|group):.+$' },
      default: [],
      description:
        'Who may make keys for robots, and list and revoke the keys of everybody: `user:<name>` or `group:<name>`.',
    },
    maxDays: {
      type: 'integer',
      minimum: 1,
      maximum: 3650,
      default: 365,
      description: 'The most days that a key may be good that is made over the API.',
    },
    realm: realmOption,
  },
};

/** Keys of people and robots, shown in place of a password. Put it before plugins that take every password for their own. */
export default definePlugin<Options, Partial<Options>>({
  name: 'auth-keys',
  schema,
  setup({ name, hooks, options, log, decisions, audit }) {
    const { administrators, maxDays, realm } = options;
    let driver: StorageDriver | undefined;
    let opened: KeyStore | undefined;
    const store = (): KeyStore => {
      if (driver === undefined) throw new Error('the storage has not been opened');
      opened ??= new KeyStore(driver);
      return opened;
    };
    const now = (): number => Date.now();
    const uses = new KeyUses({ store, log, now });
    const logins = new KeyLogins({ store, uses, log, now });
    const api = new KeyApi({ decisions, store, administrators, maxDays, realm, log, now, audit });

    hooks.wrapStorage.tap(name, (wrapped) => {
      driver = wrapped;
      return wrapped;
    });
    hooks.middleware.tap(name, (router) => {
      router.use('/api/v1/keys', (request, response, next) => void api.answer(request, response).catch(next));
    });
    hooks.authenticate.tapPromise(name, (request) => logins.identify(request));
    hooks.challenge.tap(name, (challenges) => withBasicChallenge(challenges, realm));
    return {
      async start() {
        uses.open();
      },
      stop: () => uses.close(),
    };
  },
});
