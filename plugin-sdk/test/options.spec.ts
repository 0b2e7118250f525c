import { OptionsError, resolveOptions, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { expect } from 'chai';

interface Options {
  readonly url: string;
  readonly level: 'low' | 'high';
  readonly retries: number;
  readonly limits: { readonly bytes: number; readonly names: readonly string[] };
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['url', 'level', 'retries', 'limits'],
  properties: {
    url: { type: 'string', format: 'uri' },
    level: { type: 'string', enum: ['low', 'high'], default: 'low' },
    retries: { type: 'integer', minimum: 0, default: 3 },
    limits: {
      type: 'object',
      additionalProperties: false,
      required: ['bytes', 'names'],
      properties: {
        bytes: { type: 'integer', default: 1024 },
        names: { type: 'array', items: { type: 'string' }, default: [] },
      },
      default: { bytes: 1024, names: [] },
    },
  },
};

const url = 'https://example.org/';

function problemsOf(input: unknown): readonly string[] {
  try {
    resolveOptions('plugins[1] auth-x', schema, input);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('resolveOptions', () => {
  it('fills defaults in, at every depth', () => {
    const expected = { url, level: 'low', retries: 3, limits: { bytes: 1024, names: [] } };
    expect(resolveOptions('x', schema, { url })).to.deep.equal(expected);
    expect(resolveOptions('x', schema, { url, limits: { names: ['a'] } }).limits).to.deep.equal({
      bytes: 1024,
      names: ['a'],
    });
  });

  it('takes nothing at all for no options', () => {
    const empty: JSONSchemaType<object> = { type: 'object', additionalProperties: false, required: [] };
    expect(resolveOptions('x', empty, undefined)).to.deep.equal({});
    expect(resolveOptions('x', empty, null)).to.deep.equal({});
  });

  it('leaves the input untouched', () => {
    const input = { url, limits: { names: ['a'] } };
    const resolved = resolveOptions('x', schema, input);
    expect(input).to.deep.equal({ url, limits: { names: ['a'] } });
    input.limits.names.push('b');
    expect(resolved.limits.names).to.deep.equal(['a']);
    expect(Object.isFrozen(input)).to.equal(false);
    expect(Object.isFrozen(input.limits.names)).to.equal(false);
  });

  it('freezes the result at every depth', () => {
    const resolved = resolveOptions('x', schema, { url, limits: { names: ['a'] } });
    for (const part of [resolved, resolved.limits, resolved.limits.names]) {
      expect(Object.isFrozen(part)).to.equal(true);
    }
  });

  it('makes defaults anew each time', () => {
    const [one, two] = [resolveOptions('x', schema, { url }), resolveOptions('x', schema, { url })];
    expect(one.limits).to.not.equal(two.limits);
    expect(one.limits.names).to.not.equal(two.limits.names);
  });

  it('keeps functions and instances of classes as they are, and does not freeze them', () => {
    const open = { type: 'object', additionalProperties: false, properties: { agent: {}, sign: {} } };
    class Agent {
      sockets = 0;
    }
    const input = { agent: new Agent(), sign: () => 'signed' };
    const resolved = resolveOptions<typeof input>('x', open, input);
    expect(resolved.agent).to.equal(input.agent);
    expect(resolved.sign).to.equal(input.sign);
    expect(Object.isFrozen(input.agent)).to.equal(false);
  });

  it('says where a mistake is and what is allowed there', () => {
    expect(problemsOf({})).to.deep.equal(["plugins[1] auth-x: options must have required property 'url'"]);
    expect(problemsOf({ url: 1 })).to.deep.equal(['plugins[1] auth-x: url must be of type string']);
    expect(problemsOf({ url, level: 'medium' })).to.deep.equal([
      'plugins[1] auth-x: level must be one of ["low","high"]',
    ]);
    expect(problemsOf({ url, retries: -1 })).to.deep.equal(['plugins[1] auth-x: retries must be >= 0']);
    expect(problemsOf({ url: 'nowhere' })).to.deep.equal(['plugins[1] auth-x: url must match format "uri"']);
    expect(problemsOf({ url, limits: { names: ['a', 2] } })).to.deep.equal([
      'plugins[1] auth-x: limits.names.1 must be of type string',
    ]);
  });

  it('names an unknown key and the known ones, at every depth', () => {
    expect(problemsOf({ url, retires: 1 })).to.deep.equal([
      "plugins[1] auth-x: options has an unknown key 'retires'; known keys: url, level, retries, limits",
    ]);
    expect(problemsOf({ url, limits: { byte: 1 } })).to.deep.equal([
      "plugins[1] auth-x: limits has an unknown key 'byte'; known keys: bytes, names",
    ]);
  });

  it('refuses a key named __proto__ like any other unknown key', () => {
    const input: unknown = JSON.parse(`{"url":"${url}","__proto__":{"level":"high"}}`);
    expect(problemsOf(input)).to.deep.equal([
      "plugins[1] auth-x: options has an unknown key '__proto__'; known keys: url, level, retries, limits",
    ]);
  });

  it('lists all mistakes at once, one problem and one line each', () => {
    const problems = problemsOf({ url: 1, level: 'medium', other: true });
    expect(problems).to.have.lengthOf(3);
    const error = new OptionsError(problems);
    expect(error).to.include({ name: 'OptionsError', code: 'OPTIONS_INVALID', message: problems.join('\n') });
  });

  it('refuses options that are no object', () => {
    for (const input of ['text', 1, true, []]) {
      expect(problemsOf(input)).to.deep.equal(['plugins[1] auth-x: options must be of type object']);
    }
  });

  it('does not turn one type into another', () => {
    expect(problemsOf({ url, retries: '3' })).to.deep.equal([
      'plugins[1] auth-x: retries must be of type integer',
    ]);
  });
});
