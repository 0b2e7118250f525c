import { startRadosgw } from '../../../test/servers/radosgw.ts';
import { describeS3Conformance } from './s3-conformance.ts';

describeS3Conformance({
  name: 'radosgw',
  start: startRadosgw,
  abilities: { bareEtags: true, conditionalDeletes: false },
});
