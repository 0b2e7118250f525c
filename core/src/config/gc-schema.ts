import type { JSONSchemaType } from '@entrepot/plugin-sdk';
import type { Settings } from './define-config.ts';

const DAY = 24 * 60 * 60;

/** The settings of garbage collection. */
export const gc: JSONSchemaType<Settings['gc']> = {
  type: 'object',
  description:
    'Garbage collection: gives back the space of blobs that no manifest refers to, while clients push and pull. `registry gc` does the same at once.',
  additionalProperties: false,
  required: ['enabled', 'interval', 'grace', 'keepUntagged', 'restoreWindow', 'callsPerSecond'],
  properties: {
    enabled: {
      type: 'boolean',
      description:
        'Whether the registry collects by itself. Of several processes on one storage one does at a time, whichever it is.',
      default: true,
    },
    interval: {
      type: 'integer',
      description: 'Seconds between the end of a run and the next.',
      minimum: 60,
      maximum: 365 * DAY,
      default: DAY / 4,
    },
    grace: {
      type: 'integer',
      description:
        'Seconds for which a blob stays whatever happens, after an upload, a mount or a HEAD that found it: longer than the longest push takes. What nothing refers to goes after two of these at the earliest.',
      // Many times longer than a push of a manifest relies on what it has checked, and than clocks differ.
      minimum: 600,
      maximum: 365 * DAY,
      default: DAY / 4,
    },
    keepUntagged: {
      type: ['integer', 'string'],
      description:
        'Seconds for which a manifest stays that no tag, index or subject holds any more, and that nobody pulls by its digest or pushes again; `grace` at least. `forever` keeps all manifests until clients delete them.',
      minimum: 0,
      maximum: 3650 * DAY,
      pattern: '^forever$',
      default: 'forever',
    },
    restoreWindow: {
      type: 'integer',
      description:
        'Seconds for which a tag or manifest that clients or rules have deleted can be restored, with all it needs: `registry undelete`, `registry tag restore`. Its space is given back after that. 0: nothing can be restored.',
      minimum: 0,
      maximum: 3650 * DAY,
      // A mistake made before a long weekend is found in time, and what it costs is a week of what is deleted.
      default: 7 * DAY,
    },
    callsPerSecond: {
      type: 'integer',
      description:
        'Calls of the storage a second that a run inside the registry makes at most, so that clients do not notice it.',
      minimum: 1,
      maximum: 1_000_000,
      default: 500,
    },
  },
};
