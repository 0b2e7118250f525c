import { expect } from 'chai';
import { createHooks, RegistryError, type Access, type AuditEvent, type Hooks } from '@entrepot/plugin-sdk';
import { Gatekeeper } from '../../src/auth/gatekeeper.ts';
import { AuditTrail } from '../../src/events/audit-trail.ts';
import { HookFacade } from '../../src/plugins/hook-facade.ts';
import { bareRequest } from '../http/bare-request.ts';
import { keepLog } from '../plugins/log-lines.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const pull: readonly Access[] = [{ type: 'repository', name: 'team/app', action: 'pull' }];
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/** Knows alice by her password, and lets nobody pull from team/app. */
function hooksWithRules(): Hooks {
  const hooks = createHooks();
  new HookFacade(hooks).for('auth', quiet).authenticate.tap('auth', ({ basic: shown, bearer }) => {
    if (bearer !== undefined) throw new RegistryError('UNAUTHORIZED', 'the token has expired');
    if (shown === undefined) return undefined;
    if (shown.password === 'right') return { subject: shown.username };
    throw new RegistryError('UNAUTHORIZED', 'wrong user or password');
  });
  hooks.authorize.tap('rules', () => {
    throw new RegistryError('DENIED', 'alice may not pull from team/app: rule 2 denies it');
  });
  return hooks;
}

describe('The audit trail', () => {
  /** What is told when somebody asks for something. */
  async function told(headers: Record<string, string>, access: readonly Access[]): Promise<AuditEvent[]> {
    const hooks = hooksWithRules();
    const events: AuditEvent[] = [];
    hooks.audit.tap('sink', (event) => void events.push(event));
    const { log } = await keepLog();
    const gatekeeper = new Gatekeeper(hooks, undefined, new AuditTrail(hooks, log));
    await gatekeeper.admit(bareRequest(headers).context, access).catch(() => undefined);
    return events;
  }

  it('tells of a login: who, when, from where, in which request', async () => {
    const [event, ...others] = await told(basic('alice', 'right'), []);
    expect(others).to.be.empty;
    expect(event).to.include({
      action: 'login',
      kind: 'access',
      outcome: 'granted',
      actor: 'alice',
      method: 'GET',
    });
    expect(event?.id).to.match(/^[0-9a-f-]{36}$/);
    expect(Date.parse(event?.time ?? '')).to.be.above(0);
    expect(event?.requestId).to.not.be.empty;
  });

  it('tells of a wrong password: the name that came with it, which nobody vouches for, and no password', async () => {
    const [event, ...others] = await told(basic('alice', 'sesame'), pull);
    expect(others).to.be.empty;
    expect(event).to.deep.include({
      action: 'login',
      outcome: 'refused',
      claimed: 'alice',
      reason: 'wrong user or password',
      access: pull,
    });
    expect(event).to.not.have.property('actor');
    expect(JSON.stringify(event)).to.not.include('sesame');
  });

  it('cuts a name that nobody vouches for', async () => {
    const [event] = await told(basic('a'.repeat(5000), 'x'), pull);
    expect(event?.claimed).to.have.length(256);
  });

  it('tells of a denial the rule that decides', async () => {
    const [event, ...others] = await told(basic('alice', 'right'), pull);
    expect(others).to.be.empty;
    expect(event).to.deep.include({
      action: 'denial',
      outcome: 'refused',
      actor: 'alice',
      access: pull,
      reason: 'alice may not pull from team/app: rule 2 denies it',
    });
  });

  it('tells of a token that is refused, and not the token', async () => {
    const [event] = await told({ authorization: 'Bearer secret-token' }, pull);
    expect(event).to.include({ action: 'denial', outcome: 'refused', reason: 'the token has expired' });
    expect(JSON.stringify(event)).to.not.include('secret-token');
  });

  it('does not tell of a client that is asked to log in: it shows nothing, and nothing is refused', async () => {
    expect(await told({}, pull)).to.deep.equal([]);
  });

  it('holds a thousand that wait; a flood is dropped, and the log counts it', async () => {
    const hooks = createHooks();
    const released = Promise.withResolvers<void>();
    let heard = 0;
    hooks.audit.tapPromise('sink', () => {
      heard += 1;
      return released.promise;
    });
    const { log, lines } = await keepLog();
    const trail = new AuditTrail(hooks, log);
    for (let count = 0; count < 1204; count += 1)
      trail.report({ action: 'login', outcome: 'refused', address: '::1', requestId: '1', method: 'GET' });
    released.resolve();
    await trail.drain(10_000);
    expect(heard).to.equal(1004);
    expect(lines.map(({ dropped }) => dropped)).to.deep.equal([200]);
  });

  it('costs nothing while nobody listens', async () => {
    const { log } = await keepLog();
    const trail = new AuditTrail(createHooks(), log);
    expect(trail.isUsed).to.equal(false);
    trail.report({ action: 'key', outcome: 'granted', address: '::1', requestId: '1', method: 'POST' });
    await trail.drain(0);
  });
});
