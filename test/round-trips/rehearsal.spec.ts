import { createHash } from 'node:crypto';
import { createRegistry, type Registry } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
import storageSimulator from '@entrepot/storage-simulator';
import { expect } from 'chai';
import { keepLog, type KeptLog } from '../../core/test/plugins/log-lines.ts';

const bytes = Buffer.from('a few bytes');
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('A registry whose storage is simulated', () => {
  let kept: KeptLog;
  let registry: Registry | undefined;
  beforeEach(async () => {
    kept = await keepLog();
  });
  afterEach(async () => {
    await registry?.stop();
  });

  async function serve(troubles: Parameters<typeof storageSimulator>[0]): Promise<string> {
    const plugins = [storageMemory(), storageSimulator({ latency: 0, jitter: 1, ...troubles })];
    registry = await createRegistry({ http: { host: '127.0.0.1', port: 0 }, plugins }, { log: kept.log });
    return (await registry.start()).url;
  }

  const push = (url: string): Promise<Response> =>
    fetch(`${url}/v2/library/app/blobs/uploads/?digest=${digest}`, {
      method: 'POST',
      body: new Uint8Array(bytes),
    });

  it('serves as ever, and says at its end how often storage was called', async () => {
    const url = await serve({});
    expect((await push(url)).status).to.equal(201);
    expect(await (await fetch(`${url}/v2/library/app/blobs/${digest}`)).text()).to.equal(bytes.toString());
    await registry?.stop();
    const counts = kept.lines.find(({ msg }) => msg === 'storage calls');
    expect(counts).to.deep.include({
      read: { answered: 2, throttled: 0, failed: 0, lost: 0, bytes: 0 },
    });
  });

  it('is unavailable for a moment to clients whose calls fail', async () => {
    const answer = await push(await serve({ failures: 1 }));
    expect(answer.status).to.equal(503);
    expect(answer.headers.get('retry-after')).to.match(/^\d+$/);
  });

  it('has what was pushed, when only the answer was lost', async () => {
    const url = await serve({ lostAnswers: 0.5, seed: 3 });
    let attempts = 1;
    while ((await push(url)).status !== 201) attempts += 1;
    expect(attempts).to.be.above(1);
    let pulled = await fetch(`${url}/v2/library/app/blobs/${digest}`);
    while (pulled.status === 503) pulled = await fetch(`${url}/v2/library/app/blobs/${digest}`);
    expect(await pulled.text()).to.equal(bytes.toString());
  });
});
