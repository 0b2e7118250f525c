import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createRegistry } from '@entrepot/core';
import metrics from '@entrepot/metrics';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { codeIn, tableOf } from '../docs/markdown.ts';
import { readSource } from '../house/workspace.ts';
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

interface Verdict {
  readonly code: number | null;
  readonly said: string;
}

async function judge(args: readonly string[], input: Buffer | string): Promise<Verdict> {
  const tool = spawn(promtool(), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(tool, 'close');
  tool.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(tool.stdout), text(tool.stderr)]);
  await closed;
  return { code: tool.exitCode, said: stdout + stderr };
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
      expect(await judge(['check', 'metrics'], body)).to.deep.equal({ code: 0, said: '' });
    } finally {
      await registry.stop();
    }
  });

  it('understands the queries of the dashboard, and the alerts of docs/operations.md', async () => {
    const alerts = tableOf('docs/operations.md', 'Alert', 'When').map(([, when]) =>
      codeIn(when).replaceAll('\\|', '|'),
    );
    const dashboard = JSON.stringify(JSON.parse(readSource('examples/grafana/entrepot.json')));
    const queries = [...dashboard.matchAll(/"expr":("(?:[^"\\]|\\.)*")/g)].map(([, query = '']) =>
      String(JSON.parse(query)),
    );
    expect(alerts).to.have.lengthOf(4);
    expect(queries).to.have.length.above(20);
    const rules = [...alerts, ...queries].map((query, index) => ({
      record: `query:${index}`,
      expr: query.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.*'),
    }));
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-promtool-'));
    try {
      const file = join(folder, 'rules.json');
      await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      const { code, said } = await judge(['check', 'rules', file], '');
      expect([code, said]).to.deep.equal([0, `Checking ${file}\n  SUCCESS: ${rules.length} rules found\n\n`]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
