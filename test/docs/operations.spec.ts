import { createRegistry } from '@entrepot/core';
import { definePlugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';
import { keepLog } from '../../core/test/plugins/log-lines.ts';
import { ask } from '../e2e/asking.ts';
import { images, push } from '../e2e/pushing.ts';
import { codeIn, tableOf } from './markdown.ts';

const page = 'docs/operations.md';

describe(page, () => {
  it('lists every field of the line of a request, and no other', async () => {
    const listed = tableOf(page, 'Field', '').map(([field]) => codeIn(field));
    const used = new Set<string>();
    for (const accessFormat of ['fields', 'combined'] as const) {
      const { log, lines } = await keepLog();
      const known = definePlugin<Record<string, never>>({
        name: 'known',
        schema: { type: 'object', additionalProperties: false, required: [] },
        setup: ({ name, hooks }) => hooks.authenticate.tap(name, () => ({ subject: 'alice' })),
      });
      const registry = await createRegistry(
        { http: { port: 0 }, log: { accessFormat }, plugins: [storageMemory(), known()] },
        { log },
      );
      const { url } = await registry.start();
      for (const image of images(1)) await push(url, image);
      await ask(url, 'GET', '/v2/');
      await registry.stop();
      const requests = lines.filter(({ msg }) => msg === 'request');
      expect(requests).to.have.length.above(5);
      for (const line of requests) for (const name of Object.keys(line)) used.add(name);
    }
    // Workers alone have a number.
    expect([...used, 'worker']).to.have.members(listed);
  });

  it('names lines that the registry writes', async () => {
    const { log, lines } = await keepLog();
    const config = { http: { port: 0 }, plugins: [storageMemory()] };
    const registry = await createRegistry(config, { log });
    await registry.start();
    await registry.reload(config);
    await registry.stop();
    const written = new Map(lines.map((line) => [line['msg'], line]));
    const told = tableOf(page, 'Line', 'Level');
    for (const message of [
      'the registry serves',
      'the configuration has been reloaded',
      'the registry has stopped',
    ]) {
      const [, level, fields = ''] = told.find(([line]) => codeIn(line) === message) ?? [];
      const line = written.get(message);
      expect(line?.['level'], message).to.equal(level);
      for (const field of Object.keys(line ?? {}).filter((name) => !['level', 'time', 'msg'].includes(name)))
        expect(fields, message).to.include(`\`${field}\``);
    }
  });
});
