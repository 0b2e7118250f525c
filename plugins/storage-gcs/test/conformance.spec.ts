import { StrictGcs } from '../../../test/servers/strict-gcs.ts';
import { describeGcsConformance } from './gcs-conformance.ts';

describeGcsConformance({
  name: 'a strict server of our own',
  start: () => StrictGcs.start(),
  prefixes: ['', 'some/folder/'],
});
