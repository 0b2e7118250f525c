import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import {
  DeliveryError,
  EventSink,
  sinkActions,
  sinkOptionNames,
  sinkProperties,
  type SinkOptions,
} from '@entrepot/plugin-sdk/events';
import { RotatedFile } from './rotated-file.ts';

interface Options extends SinkOptions {
  readonly file: string;
  readonly rotateBytes: number;
  readonly rotateHours: number;
  readonly keepFiles: number;
}

const HOUR = 3_600_000;

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['file', 'rotateBytes', 'rotateHours', 'keepFiles', ...sinkOptionNames],
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      description: 'The file. Its folder has to be there.',
    },
    rotateBytes: {
      type: 'integer',
      minimum: 4096,
      default: 104_857_600,
      description: 'Bytes after which the file is set aside and another one begun.',
    },
    rotateHours: {
      type: 'number',
      exclusiveMinimum: 0,
      default: 24,
      description: 'Hours after which it is, whatever its size.',
    },
    keepFiles: {
      type: 'integer',
      minimum: 0,
      maximum: 10_000,
      default: 14,
      description: 'Files that have been set aside and stay; the oldest go.',
    },
    ...sinkProperties,
    actions: { ...sinkProperties.actions, default: [...sinkActions] },
  },
};

/** Writes events to a file, a line of JSON each. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'file'>>({
  name: 'events-log',
  schema,
  optional: true,
  setup(context) {
    const { options } = context;
    const file = new RotatedFile({
      path: options.file,
      maxBytes: options.rotateBytes,
      maxAge: options.rotateHours * HOUR,
      keepFiles: options.keepFiles,
      now: () => Date.now(),
    });
    const sink = new EventSink(context, {
      name: 'log',
      options,
      async deliver(event) {
        try {
          await file.add(JSON.stringify(event));
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new DeliveryError('unavailable', `the file cannot be written: ${reason}`, { cause: error });
        }
      },
    });
    return {
      start: () => sink.start(),
      health: () => sink.health(),
      async stop() {
        await sink.stop();
        await file.close();
      },
    };
  },
});
