import { apiVersion, definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { expect } from 'chai';

interface Options {
  readonly realm: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['realm'],
  properties: { realm: { type: 'string', default: 'registry' } },
};

describe('definePlugin', () => {
  const setup = (): void => undefined;
  const plugin = definePlugin<Options, Partial<Options>>({ name: 'auth-static', schema, setup });

  it('makes a factory that carries the name and the schema', () => {
    expect(plugin.pluginName).to.equal('auth-static');
    expect(plugin.schema).to.equal(schema);
  });

  it('makes plugins that are plain data: nothing is checked or copied yet', () => {
    const options = { realm: 'mine' };
    const made = plugin(options);
    expect(made).to.deep.equal({ apiVersion, name: 'auth-static', schema, options, setup });
    expect(made.options).to.equal(options);
  });

  it('lets options be left out when none is required', () => {
    expect(plugin().options).to.equal(undefined);
  });
});
