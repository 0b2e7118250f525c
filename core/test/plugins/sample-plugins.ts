import {
  definePlugin,
  type JSONSchemaType,
  type Plugin,
  type PluginContext,
  type PluginHandle,
} from '@entrepot/plugin-sdk';

type NoOptions = Record<string, never>;

const noOptions: JSONSchemaType<NoOptions> = { type: 'object', additionalProperties: false, required: [] };

/** A plugin that takes no options. */
export function plugin(
  name: string,
  setup: (context: PluginContext<NoOptions>) => PluginHandle | void = () => undefined,
): Plugin {
  return definePlugin<NoOptions>({ name, schema: noOptions, setup })();
}

export interface HtpasswdOptions {
  readonly file: string;
  readonly realm: string;
  readonly rounds: number;
}

const htpasswdSchema: JSONSchemaType<HtpasswdOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['file', 'realm', 'rounds'],
  properties: {
    file: { type: 'string' },
    realm: { type: 'string', enum: ['registry', 'staging'], default: 'registry' },
    rounds: { type: 'integer', minimum: 4, default: 10 },
  },
};

/** A plugin with options, given as a user might write them. */
export function htpasswd(
  options: unknown,
  setup: (context: PluginContext<HtpasswdOptions>) => void = () => undefined,
): Plugin {
  return {
    ...definePlugin<HtpasswdOptions>({ name: 'auth-htpasswd', schema: htpasswdSchema, setup })({
      file: '',
      realm: 'registry',
      rounds: 4,
    }),
    options,
  };
}
