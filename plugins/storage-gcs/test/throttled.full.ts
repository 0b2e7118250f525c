import { StrictGcs } from '../../../test/servers/strict-gcs.ts';
import { describeGcsConformance } from './gcs-conformance.ts';

// Every fifth request is told to come later: nothing of the contract may be seen to break.
describeGcsConformance({
  name: 'a server that is too busy for every fifth request',
  start: () =>
    StrictGcs.start({ misfortune: ({ number }) => (number % 5 === 4 ? { status: 503 } : undefined) }),
  prefixes: [''],
});
