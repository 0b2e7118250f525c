/** Keywords whose value is a schema or a list of schemas, and those whose value is a map of them. */
const SCHEMAS = [
  'items',
  'prefixItems',
  'contains',
  'additionalProperties',
  'allOf',
  'anyOf',
  'oneOf',
  'then',
  'else',
];
const MAPS = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];

/**
 * The places in a JSON schema where an object may have keys that nothing describes: mistakes in a configuration that
 * would go unnoticed. An object is strict with `additionalProperties: false`, or, as a map, with a schema there.
 */
export function* looseObjects(schema: unknown, place = 'options'): Generator<string> {
  if (Array.isArray(schema)) {
    for (const member of schema) yield* looseObjects(member, place);
  }
  if (!isRecord(schema)) return;
  const additional = schema['additionalProperties'];
  if (allowsObjects(schema['type']) && additional !== false && !isRecord(additional)) yield place;
  for (const keyword of SCHEMAS) yield* looseObjects(schema[keyword], place);
  for (const keyword of MAPS) {
    const members = schema[keyword];
    if (!isRecord(members)) continue;
    for (const [name, member] of Object.entries(members)) yield* looseObjects(member, `${place}.${name}`);
  }
}

function allowsObjects(type: unknown): boolean {
  return Array.isArray(type) ? type.includes('object') : type === 'object';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
