import { startVersitygw } from '../../../test/servers/versitygw.ts';
import { describeS3Conformance } from './s3-conformance.ts';

const abilities = { bareEtags: false, conditionalDeletes: true };

describeS3Conformance({ name: 'versitygw', start: startVersitygw, abilities });
