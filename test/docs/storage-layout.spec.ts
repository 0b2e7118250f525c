import { createRegistry } from '@entrepot/core';
import { definePlugin, type StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { readSource } from '../house/workspace.ts';
import { digestOf, manifestType, pushImage } from './image.ts';
import { fences } from './markdown.ts';

const page = 'docs/storage-layout.md';

/** Its parts have to be multiples of 1 KiB, so that chunks of other sizes leave a tail. */
class PartsDriver extends MemoryDriver {
  override partSize(): number {
    return 1024;
  }
}

/** Gives the storage, and says that everybody is `ci`. */
function plugin(driver: StorageDriver) {
  return definePlugin<Record<string, never>>({
    name: 'storage-of-this-test',
    schema: { type: 'object', additionalProperties: false, required: [] },
    setup({ name, hooks }) {
      hooks.storage.tap(name, () => driver);
      hooks.authenticate.tap(name, () => ({ subject: 'ci' }));
    },
  })();
}

/** Fills a registry so that its storage has an object of every kind. */
async function fill(driver: StorageDriver): Promise<void> {
  const registry = await createRegistry({
    http: { port: 0 },
    log: { level: 'silent' },
    plugins: [plugin(driver)],
  });
  const { url } = await registry.start();
  try {
    const image = await pushImage(
      { url, repository: 'team/app', tag: '1.0' },
      { layer: Buffer.alloc(50_000, 'x') },
    );
    await pushImage({ url, repository: 'team/app', tag: 'old' }, { layer: Buffer.alloc(50_000, 'x') });
    await fetch(`${url}/v2/team/app/manifests/old`, { method: 'DELETE' });
    const subject = image.headers.get('docker-content-digest') ?? '';
    const referrer = {
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: 'application/vnd.example.signature',
      annotations: { 'org.example.signer': 'ci' },
      layers: [],
      subject: { mediaType: manifestType, digest: subject, size: 1 },
    };
    const body = JSON.stringify(referrer);
    const headers = { 'content-type': manifestType };
    await fetch(`${url}/v2/team/app/manifests/${digestOf(body)}`, { method: 'PUT', headers, body });
    const upload = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    const location = upload.headers.get('location') ?? '';
    await fetch(url + location, { method: 'PATCH', body: Buffer.alloc(1500) });
  } finally {
    await registry.stop();
  }
}

async function keysOf(driver: StorageDriver): Promise<readonly string[]> {
  const { keys, more } = await driver.list('', { limit: 1000 });
  expect(more).to.equal(false);
  return keys;
}

/** Which keys a drawn key stands for. */
function patternOf(drawn: string): RegExp {
  const pattern = drawn
    .replaceAll('<alg>', 'sha(?:256|512)')
    .replaceAll('<hex>', '[0-9a-f]{64,128}')
    .replaceAll('<hh>', '[0-9a-f]{2}')
    .replace(/<\w+>/g, '[^/]+');
  return new RegExp(`^${pattern}$`);
}

/** The names of members with the types of their values, at every depth. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

describe(page, () => {
  const driver = new PartsDriver(new Memory(2 ** 24));
  const drawing = fences(page)[0]?.text.trimEnd().split('\n') ?? [];

  before(() => fill(driver));

  it('draws the keys as the code does', () => {
    const comment = readSource('core/src/store/keys.ts').split('*/')[0] ?? '';
    const drawn = [...comment.matchAll(/^ \* {5}(\S.*)$/gm)].map(([, line = '']) => line);
    expect(drawing).to.deep.equal(drawn);
  });

  it('draws every key a push leaves, and none that no push leaves', async () => {
    const patterns = drawing.map((line) => patternOf(line.split(' ')[0] ?? ''));
    const keys = await keysOf(driver);
    expect(keys.filter((key) => !patterns.some((pattern) => pattern.test(key)))).to.deep.equal([]);
    expect(patterns.filter((pattern) => !keys.some((key) => pattern.test(key)))).to.deep.equal([]);
  });

  const record = /<!-- record: (\S+)(?: (line 2|large|small))? -->\n```json\n(.*?)```/gs;
  for (const [, drawn = '', which, text = ''] of readSource(page).matchAll(record)) {
    it(`shows the members of ${drawn}${which === undefined ? '' : `, ${which}`}`, async () => {
      const pattern = patternOf(drawn);
      const found = [];
      for (const key of (await keysOf(driver)).filter((candidate) => pattern.test(candidate))) {
        const lines = Buffer.from((await driver.read(key))?.bytes ?? [])
          .toString()
          .split('\n');
        const json: unknown = JSON.parse(lines[which === 'line 2' ? 1 : 0] ?? '');
        const isLarge = typeof json === 'object' && json !== null && 'data' in json;
        if (which === 'large' && !isLarge) continue;
        if (which === 'small' && isLarge) continue;
        found.push(shapeOf(json));
      }
      expect(found).to.not.be.empty;
      for (const shape of found) expect(shape).to.deep.equal(shapeOf(JSON.parse(text)));
    });
  }

  it('shows a record for every key that is one', () => {
    const shown = new Set([...readSource(page).matchAll(record)].map(([, drawn = '']) => drawn));
    const records = drawing
      .map((line) => line.split(' ')[0] ?? '')
      .filter((key) => !/^(?:data|tails)\//.test(key));
    expect([...shown].toSorted()).to.deep.equal(records.toSorted());
  });
});
