import type { WriteOptions } from '@entrepot/plugin-sdk';
import type { ActName } from './acts.ts';

/** A call of the storage driver. */
export interface Call {
  readonly verb: Verb;
  readonly key: string;
  readonly bytes?: Uint8Array;
  readonly options?: WriteOptions | undefined;
}

type Verb =
  | 'read'
  | 'write'
  | 'delete'
  | 'list'
  | 'open'
  | 'size'
  | 'createUpload'
  | 'uploadPart'
  | 'completeUpload'
  | 'abortUpload';

interface Step<Name extends string = string> {
  readonly name: Name;
  /** A step that only looks is the same before, during and after. */
  readonly isLook?: true;
  readonly is: (call: Call) => boolean;
  /** What clients have to do for a registry to come to this step. */
  readonly acts: readonly [ActName, ...ActName[]];
}

const families = {
  record: /^blobs\//,
  link: /^repos\/[^/]+\/blobs\//,
  data: /^data\//,
  session: /^uploads\//,
  manifest: /^repos\/[^/]+\/manifests\//,
  tag: /^repos\/[^/]+\/tags\//,
  referrer: /^repos\/[^/]+\/referrers\//,
  catalog: /^catalog\//,
} as const;

function on(verb: Verb, family: keyof typeof families, more?: (call: Call) => boolean): Step['is'] {
  return (call) =>
    call.verb === verb && families[family].test(call.key) && (more === undefined || more(call));
}

function step<Name extends string>(name: Name, is: Step['is'], acts: Step['acts']): Step<Name> {
  return { name, is, acts };
}

function look<Name extends string>(name: Name, is: Step['is'], acts: Step['acts']): Step<Name> {
  return { name, is, acts, isLook: true };
}

const isNew = ({ options }: Call): boolean => options?.ifAbsent === true;
const isNoLonger = (call: Call): boolean => !isNew(call);
/** Records are JSON with what matters here at the top. */
const says = (text: string) => (call: Call) => textOf(call).includes(text);
const isClaim = says('"claim":');
const isEnd = says('"ended":true');
const isMark = says('"deleting":true');

/** Every named step of storage that a registry takes for its clients. */
export const steps = [
  // The commit of a blob.
  step('write data', on('write', 'data'), ['upload']),
  step('begin object', on('createUpload', 'data'), ['upload']),
  step('write part', on('uploadPart', 'data'), ['upload']),
  step('complete object', on('completeUpload', 'data'), ['upload']),
  step('abort object', on('abortUpload', 'data'), ['cancel', 'uploadWrongly']),
  step('create record', on('write', 'record', isNew), ['upload']),
  step('renew record', on('write', 'record', isNoLonger), ['uploadAgain']),
  step('write link', on('write', 'link'), ['upload', 'mount']),
  step('delete data', on('delete', 'data'), ['uploadAgain']),
  // The session of an upload.
  step('claim session', on('write', 'session', isClaim), ['upload']),
  step(
    'save session',
    on('write', 'session', (call) => !isClaim(call) && !isEnd(call)),
    ['upload'],
  ),
  step('end session', on('write', 'session', isEnd), ['cancel']),
  step('delete session', on('delete', 'session'), ['upload']),
  // The put of a manifest, and of its tags.
  step(
    'write manifest',
    on('write', 'manifest', (call) => !isMark(call)),
    ['push'],
  ),
  step('enter catalog', on('write', 'catalog'), ['pushNew']),
  step('enter referrers', on('write', 'referrer'), ['pushReferrer']),
  step('create tag', on('write', 'tag', isNew), ['push', 'pushNew']),
  step('move tag', on('write', 'tag', isNoLonger), ['push', 'retag']),
  // Deletion.
  step('mark manifest', on('write', 'manifest', isMark), ['deleteManifest']),
  step('delete tag', on('delete', 'tag'), ['deleteTag', 'deleteManifest']),
  step('leave referrers', on('delete', 'referrer'), ['deleteReferrer']),
  step('delete manifest', on('delete', 'manifest'), ['deleteManifest']),
  step('delete link', on('delete', 'link'), ['deleteBlob']),
  // What they look at.
  look('read record', on('read', 'record'), ['push', 'pull']),
  look('read link', on('read', 'link'), ['push', 'pull']),
  look('measure data', on('size', 'data'), ['push']),
  look('open data', on('open', 'data'), ['pull', 'uploadAgain']),
  look('read session', on('read', 'session'), ['upload']),
  look('read manifest', on('read', 'manifest'), ['push', 'pull']),
  look('read tag', on('read', 'tag'), ['push', 'pull']),
  look('list tags', on('list', 'tag'), ['deleteManifest', 'list']),
] as const;

export type StepName = (typeof steps)[number]['name'];

/** The step a call is; `undefined` for one that has no name. */
export function stepOf(call: Call): StepName | undefined {
  return steps.find(({ is }) => is(call))?.name;
}

/** The end of a manifest's first line is enough: what follows is the client's. */
function textOf({ bytes = new Uint8Array() }: Call): string {
  const end = bytes.indexOf(0x0a);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
}
