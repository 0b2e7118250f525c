import accessRules from '@entrepot/access-rules';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin, RegistryError, type AuditEvent, type Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { expect } from 'chai';

const noOptions = { type: 'object', additionalProperties: false, required: [] } as const;
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/** Knows alice, and no other name. */
const passwords: Plugin = definePlugin<Record<string, never>>({
  name: 'auth-passwords',
  schema: noOptions,
  setup({ name, hooks }) {
    hooks.authenticate.tap(name, ({ basic: shown }) => {
      if (shown === undefined) return undefined;
      if (shown.password === 'sesame') return { subject: shown.username };
      throw new RegistryError('UNAUTHORIZED', 'wrong user or password');
    });
  },
})();

describe('The audit trail of a registry', () => {
  let registry: Registry | undefined;
  let url: string;
  let told: AuditEvent[];
  let wake: () => void;

  before(async () => {
    told = [];
    wake = () => undefined;
    const sink = definePlugin<Record<string, never>>({
      name: 'events-kept',
      schema: noOptions,
      setup({ name, hooks }) {
        hooks.audit.tap(name, (event) => {
          told.push(event);
          wake();
        });
      },
    })();
    const rules = accessRules({
      rules: [
        { who: ['user:alice'], repositories: ['team/*'], allow: ['pull', 'push'] },
        { who: ['everyone'], deny: ['push'], reason: 'ask the team' },
      ],
    });
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), passwords, rules, sink],
    });
    ({ url } = await registry.start());
  });
  after(() => registry?.stop());

  /** The next event, which is all there is. */
  async function next(): Promise<AuditEvent | undefined> {
    while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return told.splice(0)[0];
  }

  it('has who has logged in, and who has tried to', async () => {
    await fetch(`${url}/v2/`, { headers: basic('alice', 'sesame') });
    expect(await next()).to.include({ action: 'login', outcome: 'granted', actor: 'alice' });
    const refused = await fetch(`${url}/v2/`, { headers: basic('alice', 'guessed') });
    const event = await next();
    expect(event).to.include({ action: 'login', outcome: 'refused', claimed: 'alice' });
    expect(event?.requestId).to.equal(refused.headers.get('x-request-id'));
    expect(JSON.stringify(event)).to.not.include('guessed');
  });

  it('has the rule that denies', async () => {
    await fetch(`${url}/v2/other/app/blobs/uploads/`, { method: 'POST', headers: basic('alice', 'sesame') });
    expect(await next()).to.deep.include({
      action: 'denial',
      actor: 'alice',
      reason: 'alice may not pull from other/app: no rule allows it',
      access: [
        { type: 'repository', name: 'other/app', action: 'pull' },
        { type: 'repository', name: 'other/app', action: 'push' },
      ],
    });
  });
});
