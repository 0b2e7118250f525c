import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { root } from '../house/workspace.ts';
import { member } from './member.ts';

const execute = promisify(execFile);
const executable = join(root, 'core/bin/registry.js');
const configurations = globSync('examples/*/registry.config.{js,mjs}', { cwd: root }).sort();

/** What the configurations take from the environment. */
const environment = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };

describe('the examples', () => {
  it('have a configuration each', () => {
    const folders = globSync('examples/*/', { cwd: root });
    expect(configurations.map(dirname)).to.have.members(folders);
  });

  for (const configuration of configurations) {
    it(`pass 'registry check': ${configuration}`, async () => {
      const env = { ...process.env, ...environment, NODE_OPTIONS: '' };
      const { stdout } = await execute(
        process.execPath,
        [executable, 'check', '--config', join(root, configuration)],
        { env },
      );
      expect(stdout).to.contain(`${configuration} is good`);
    });
  }

  it('stop a registry within the patience of its supervisor', async () => {
    const patience = {
      'examples/one-machine': /TimeoutStopSec=(\d+)/.exec(text('one-machine/entrepot.service'))?.[1],
      'examples/kubernetes': /terminationGracePeriodSeconds: (\d+)/.exec(
        text('kubernetes/deployment.yaml'),
      )?.[1],
    };
    for (const [folder, limit] of Object.entries(patience))
      expect(Number(limit), folder).to.be.above(await secondsToStop(folder));
  });
});

function text(file: string): string {
  return readFileSync(join(root, 'examples', file), 'utf8');
}

/** How long the registry of an example takes to stop at most; what it leaves out is as docs/configuration.md says. */
async function secondsToStop(folder: string): Promise<number> {
  const file = configurations.find((name) => name.startsWith(folder)) ?? '';
  const module: unknown = await import(join(root, file));
  const http = member(member(module, 'default'), 'http');
  return Number(member(http, 'stopDelay') ?? 0) + Number(member(http, 'drainTimeout') ?? 25);
}
