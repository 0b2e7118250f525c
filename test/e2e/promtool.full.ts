import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createRegistry } from '@entrepot/core';
import metrics from '@entrepot/metrics';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { ask } from './asking.ts';
import { images, pull, push } from './pushing.ts';

/** Prometheus' own tool, of its Debian package. */
function promtool(): string {
  const folders = [process.env['ENTREPOT_CLIENTS_BIN'], ...(process.env['PATH'] ?? '').split(delimiter)];
  const found = folders
    .filter((folder) => folder !== undefined && folder !== '')
    .map((folder) => join(folder ?? '', 'promtool'))
    .find((file) => existsSync(file));
  if (found === undefined)
    throw new Error(
      "promtool is neither in the folder ENTREPOT_CLIENTS_BIN nor on PATH; it is in Debian's package prometheus",
    );
  return found;
}

describe('promtool', () => {
  it('finds nothing wrong with the metrics of a registry that has been used', async () => {
    const registry = await createRegistry({
      http: { port: 0 },
      diagnostics: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), metrics({ repositories: ['*'] })],
    });
    const { url } = await registry.start();
    try {
      for (const image of images(3)) {
        await push(url, image);
        await pull(url, image);
      }
      const { body } = await ask(registry.diagnostics?.url ?? '', 'GET', '/metrics');
      const tool = spawn(promtool(), ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
      const closed = once(tool, 'close');
      tool.stdin.end(body);
      const said = await Promise.all([text(tool.stdout), text(tool.stderr)]);
      await closed;
      expect(said).to.deep.equal(['', '']);
      expect(tool.exitCode).to.equal(0);
    } finally {
      await registry.stop();
    }
  });
});
