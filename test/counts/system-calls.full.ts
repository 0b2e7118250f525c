import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { RegistryChild } from '../hostile/registry-child.ts';
import { kindOf, SystemCallTrace, type SystemCalls } from './system-call-trace.ts';

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** How often each operation is done: a bound holds for the sum, so that one folder more or less does not matter. */
const TIMES = 10;

const layer = Buffer.alloc(64 * 1024, 'layer ');

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A manifest of its own for each title. */
function manifestOf(title: string): Buffer {
  const layers = [{ mediaType: 'application/octet-stream', digest: digestOf(layer), size: layer.length }];
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: TYPE, layers, annotations: { title } }));
}

/** Counts, never times: what an operation costs the disk and the kernel, whatever the machine. */
describe('System calls of a registry on a filesystem', () => {
  let registry: RegistryChild;
  before(async () => {
    registry = await RegistryChild.start({ storage: 'filesystem' });
    await push(layer);
    await put(manifestOf('first'), 'first');
  });
  after(() => registry.stop());

  async function ask(method: string, path: string, status: number, body?: Buffer): Promise<Response> {
    const response = await fetch(new URL(path, registry.url), {
      method,
      headers: body === undefined ? {} : { 'content-type': TYPE },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    });
    await response.arrayBuffer();
    expect(response.status).to.equal(status);
    return response;
  }

  async function push(bytes: Buffer): Promise<void> {
    const begun = await ask('POST', '/v2/library/app/blobs/uploads/', 202);
    await ask('PUT', `${begun.headers.get('location') ?? ''}?digest=${digestOf(bytes)}`, 201, bytes);
  }

  async function put(manifest: Buffer, tag: string): Promise<void> {
    await ask('PUT', `/v2/library/app/manifests/${tag}`, 201, manifest);
  }

  const operations: Readonly<
    Record<string, { each: SystemCalls; perform: (time: number) => Promise<unknown> }>
  > = {
    // Record and link: a file each, and the folders that hold it up to those that are there.
    'a push of 1 KiB': {
      each: { syncs: 7, fileWrites: 2, socketWrites: 2, paths: 17 },
      perform: (time) => push(Buffer.alloc(1024, `small ${time} `)),
    },
    // The bytes as well.
    'a push of 1 MiB': {
      each: { syncs: 11, fileWrites: 3, socketWrites: 2, paths: 29 },
      perform: (time) => push(Buffer.alloc(1024 * 1024, `large ${time} `)),
    },
    // Manifest and tag: a file and its folder each.
    'a push of a manifest with a tag': {
      each: { syncs: 4, fileWrites: 2, socketWrites: 1, paths: 20 },
      perform: (time) => put(manifestOf(`new ${time}`), `new-${time}`),
    },
    'another tag for a manifest': {
      each: { syncs: 2, fileWrites: 1, socketWrites: 1, paths: 13 },
      perform: (time) => put(manifestOf('first'), `again-${time}`),
    },
    // The tag is asked for, nothing else.
    'a pull of a manifest by tag': {
      each: { syncs: 0, fileWrites: 0, socketWrites: 1, paths: 2 },
      perform: () => ask('GET', '/v2/library/app/manifests/first', 200),
    },
    'a pull of a manifest by digest': {
      each: { syncs: 0, fileWrites: 0, socketWrites: 1, paths: 2 },
      perform: () => ask('GET', `/v2/library/app/manifests/${digestOf(manifestOf('first'))}`, 200),
    },
    // Record and link are asked for.
    'a pull of a blob of 64 KiB': {
      each: { syncs: 0, fileWrites: 0, socketWrites: 1, paths: 3 },
      perform: () => ask('GET', `/v2/library/app/blobs/${digestOf(layer)}`, 200),
    },
  };

  for (const [title, { each, perform }] of Object.entries(operations)) {
    it(`are at most so many for ${title}: ${JSON.stringify(each)}`, async () => {
      const traced = await SystemCallTrace.attach(registry.pid, join(registry.folder, 'trace'));
      for (let time = 0; time < TIMES; time += 1) await perform(time);
      const counted = await traced.detach(join(registry.folder, 'storage'));
      // A trace that sees no answer go out sees nothing at all.
      expect(counted.socketWrites).to.be.at.least(TIMES);
      const beyond = (['syncs', 'fileWrites', 'socketWrites', 'paths'] as const).filter(
        (kind) => counted[kind] > each[kind] * TIMES,
      );
      expect(beyond, JSON.stringify(counted)).to.deep.equal([]);
    });
  }

  it('are told apart by what they go to', () => {
    const lines = {
      '12 fsync(25</data/objects/x> <unfinished ...>': 'syncs',
      '12 <... fsync resumed>)              = 0': undefined,
      '12 pwrite64(25</data/tmp/x>, "a"..., 10, 0) = 10': 'fileWrites',
      '12 write(19<anon_inode:[eventfd]>, "\\1"..., 8) = 8': undefined,
      '12 writev(23<socket:[4097133]>, [{iov_base="HTTP"}], 1) = 4': 'socketWrites',
      '12 link("/data/tmp/x", "/data/objects/x") = 0': 'paths',
      '12 openat(AT_FDCWD</work>, "/etc/hosts", O_RDONLY) = 3': undefined,
    };
    const kinds = Object.keys(lines).map((line) => [line, kindOf(line, '/data')]);
    expect(Object.fromEntries(kinds)).to.deep.equal(lines);
  });
});
