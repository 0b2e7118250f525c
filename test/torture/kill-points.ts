import { definePlugin, type StorageDriver } from '@entrepot/plugin-sdk';

/** The steps a process can be killed at: a call of the driver, on a kind of key, before it or after. */
export interface KillPoint {
  readonly verb: 'write' | 'delete' | 'createUpload' | 'uploadPart' | 'completeUpload' | 'abortUpload';
  readonly family: Family;
  readonly when: 'before' | 'after';
  /** Which of such calls; counted from 1. */
  readonly nth: number;
}

const families = {
  catalog: /^catalog\//,
  manifest: /^repos\/[^/]+\/manifests\//,
  tag: /^repos\/[^/]+\/tags\//,
  referrer: /^repos\/[^/]+\/referrers\//,
  link: /^repos\/[^/]+\/blobs\//,
  record: /^blobs\//,
  data: /^data\//,
  session: /^uploads\//,
} as const;
type Family = keyof typeof families;

const steps: readonly (readonly [KillPoint['verb'], readonly Family[]])[] = [
  ['write', ['catalog', 'manifest', 'tag', 'referrer', 'link', 'record', 'data', 'session']],
  ['delete', ['manifest', 'tag', 'referrer', 'link', 'data', 'session']],
  ['createUpload', ['data']],
  ['uploadPart', ['data']],
  ['completeUpload', ['data']],
  ['abortUpload', ['data']],
];

/** Every named step, before and after. */
export const killPoints: readonly Omit<KillPoint, 'nth'>[] = steps.flatMap(([verb, kinds]) =>
  kinds.flatMap((family) => [
    { verb, family, when: 'before' as const },
    { verb, family, when: 'after' as const },
  ]),
);

interface Options {
  /** A {@link KillPoint} as JSON; empty for none. */
  readonly point: string;
}

/** Kills its own process at one step, as a loss of power would: nothing is cleaned up, nobody is told. */
export default definePlugin<Options>({
  name: 'torture-kill-points',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['point'],
    properties: { point: { type: 'string' } },
  },
  setup({ name, hooks, options }) {
    if (options.point === '') return;
    const point = JSON.parse(options.point) as KillPoint;
    hooks.wrapStorage.tap(name, (driver) => killing(driver, point));
  },
});

function killing(driver: StorageDriver, point: KillPoint): StorageDriver {
  let calls = 0;
  const step = async <Result>(verb: KillPoint['verb'], key: string, call: () => Promise<Result>) => {
    const isHit = verb === point.verb && families[point.family].test(key) && ++calls === point.nth;
    if (isHit && point.when === 'before') die();
    const result = await call();
    if (isHit) die();
    return result;
  };
  return {
    partSize: (offset) => driver.partSize(offset),
    read: (key, known) => driver.read(key, known),
    size: (key) => driver.size(key),
    list: (prefix, options) => driver.list(prefix, options),
    open: (key, range) => driver.open(key, range),
    write: (key, bytes, options) => step('write', key, () => driver.write(key, bytes, options)),
    delete: (key, options) => step('delete', key, () => driver.delete(key, options)),
    createUpload: (key) => step('createUpload', key, () => driver.createUpload(key)),
    uploadPart: (upload, part) => step('uploadPart', upload.key, () => driver.uploadPart(upload, part)),
    completeUpload: (upload, last) =>
      step('completeUpload', upload.key, () => driver.completeUpload(upload, last)),
    abortUpload: (upload) => step('abortUpload', upload.key, () => driver.abortUpload(upload)),
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
