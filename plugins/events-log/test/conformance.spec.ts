import { tmpdir } from 'node:os';
import { join } from 'node:path';
import eventsLog from '@entrepot/events-log';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, eventsLog, {
  valid: { file: join(tmpdir(), 'entrepot-events-never-written.jsonl') },
  invalid: { file: 1 },
});
