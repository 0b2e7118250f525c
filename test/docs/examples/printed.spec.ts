import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import { expect } from 'chai';
import eventsConsole from '../../../docs/examples/events-console/src/index.ts';
import storageLogged from '../../../docs/examples/storage-logged/src/index.ts';
import { pullManifest, pushImage } from '../image.ts';
import { startPrinting } from '../printing-registry.ts';

describePlugin({ describe, it }, eventsConsole, { valid: {}, invalid: { actions: ['pushed'] } });
describePlugin({ describe, it }, storageLogged, { valid: { slowerThan: 0 }, invalid: { slowerThan: -1 } });

describe('the example events-console', () => {
  it('prints a line for each action it was asked for, and none for others', async () => {
    const registry = await startPrinting('events-console', { actions: ['push', 'tag'] });
    try {
      const target = { url: registry.url, repository: 'app', tag: '1.0' };
      await pullManifest({ ...target, tag: 'absent' });
      await pushImage(target);
      await pullManifest(target);
      await pushImage({ ...target, tag: '2.0' });
      expect(await registry.line(/ tag manifest app:1\.0$/)).to.match(/^\d{4}-\d\d-\d\dT\S+Z somebody tag /);
      await registry.line(/ push blob app@sha256:[0-9a-f]{64}$/);
      await registry.line(/ push manifest app:2\.0$/);
      expect(registry.lines.filter((line) => line.includes(' pull '))).to.deep.equal([]);
    } finally {
      await registry.stop();
    }
  });
});

describe('the example storage-logged', () => {
  it('logs calls that take as long as it was told, with the key', async () => {
    const registry = await startPrinting('storage-logged', { slowerThan: 0 });
    try {
      await pushImage({ url: registry.url, repository: 'app', tag: '1.0' });
      const line: unknown = JSON.parse(await registry.line(/repos\/app\/tags\/1\.0/));
      expect(line).to.include({
        level: 'warn',
        plugin: 'storage-logged',
        key: 'repos/app/tags/1.0',
        msg: 'the storage was slow',
      });
    } finally {
      await registry.stop();
    }
  });

  it('logs every call at level debug', async () => {
    const registry = await startPrinting('storage-logged', { slowerThan: 60_000 }, 'debug');
    try {
      const response = await pushImage({ url: registry.url, repository: 'app', tag: '1.0' });
      expect(response.status).to.equal(201);
      const line: unknown = JSON.parse(await registry.line(/"write".*repos\/app\/tags\/1\.0/));
      expect(line).to.include({ level: 'debug', call: 'write', msg: 'the storage was called' });
    } finally {
      await registry.stop();
    }
  });
});
