import { Ajv, type ErrorObject, type JSONSchemaType, type Schema } from 'ajv';
import addFormats from 'ajv-formats';

export type { JSONSchemaType } from 'ajv';

const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  useDefaults: true,
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
});
addFormats.default(ajv, ['uri', 'date-time', 'ipv4', 'ipv6', 'hostname', 'regex']);

/** Options or configuration that do not fit their schema. Each problem names the path and what is allowed there. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly code = 'OPTIONS_INVALID';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Checks `input` against `schema`, fills defaults in, and freezes the result, a copy: `input` stays untouched.
 * `where` begins each message: `plugins[1] auth-htpasswd`.
 * @throws OptionsError with one problem per mistake.
 */
export function resolveOptions<Options>(
  where: string,
  schema: JSONSchemaType<Options> | Schema,
  input: unknown,
): Options {
  const validate = ajv.compile<Options>(schema);
  const options: unknown = copy(input ?? {});
  if (validate(options)) return freeze(options);
  throw new OptionsError((validate.errors ?? []).map((error) => `${where}: ${describe(error)}`));
}

function describe(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const place = path === '' ? 'options' : path;
  const params: Record<string, unknown> = error.params;
  switch (error.keyword) {
    case 'additionalProperties': {
      const properties: unknown = error.parentSchema?.['properties'];
      const known = isPlainObject(properties) ? Object.keys(properties) : [];
      return `${place} has an unknown key '${String(params['additionalProperty'])}'; known keys: ${known.join(', ') || 'none'}`;
    }
    case 'enum':
      return `${place} must be one of ${JSON.stringify(params['allowedValues'])}`;
    case 'type':
      return `${place} must be of type ${String(params['type'])}`;
    default:
      return `${place} ${error.message ?? 'is invalid'}`;
  }
}

/** Copies plain objects and arrays; functions and class instances, a custom agent for instance, are kept as they are. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member)]));
}

function freeze<Value>(value: Value): Value {
  if (Array.isArray(value) || isPlainObject(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
