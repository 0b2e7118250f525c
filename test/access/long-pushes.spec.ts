import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { exportJWK, SignJWT } from 'jose';
import authToken from '@entrepot/auth-token';
import { createRegistry } from '@entrepot/core';
import { RegistryError, type Plugin } from '@entrepot/plugin-sdk';
import storageFilesystem from '@entrepot/storage-filesystem';
import tokenIssuer from '@entrepot/token-issuer';
import { expectError } from '../oci/answers.ts';
import { bareManifest, contentOf } from '../oci/content.ts';
import { HttpClient, type Answer } from '../oci/http-client.ts';
import { expectStatus } from '../oci/pushes.ts';
import { onEachStorage, plugin } from '../oci/served-registry.ts';

const layer = contentOf('a layer that takes its time');
const [head, tail] = [layer.bytes.subarray(0, 10), layer.bytes.subarray(10)];
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Takes passes such as `alice-1`, until they are old; and nobody whose name is struck off may do anything. */
class Passes {
  readonly old = new Set<string>();
  readonly struckOff = new Set<string>();

  readonly plugin: Plugin = plugin('auth-passes', (hooks, name) => {
    hooks.authenticate.tap(name, ({ bearer: pass }) => {
      if (pass === undefined) return undefined;
      const [subject = ''] = pass.split('-');
      if (subject === 'nobody') throw new RegistryError('UNAUTHORIZED', 'no such user');
      if (!this.old.has(pass)) return { subject };
      throw new RegistryError('UNAUTHORIZED', 'the pass is old', { expired: { subject } });
    });
    hooks.authorize.tap(
      name,
      ({ identity }) => identity === undefined || !this.struckOff.has(identity.subject),
    );
    hooks.challenge.tap(name, (challenges) => [...challenges, 'Bearer realm="passes"']);
  });
}

/** Begins an upload and sends its first bytes. Gives where it goes on, as the answers said. */
async function begin(
  client: HttpClient,
  repository: string,
  headers: Record<string, string>,
): Promise<string> {
  const opened = expectStatus(await client.post(`/v2/${repository}/blobs/uploads/`, { headers }), 202);
  return placeOf(expectStatus(await client.patch(placeOf(opened), { headers, body: head }), 202));
}
function placeOf({ headers: { location = '' } }: Answer): string {
  return location;
}
const ending = (place: string): string => `${place}${place.includes('?') ? '&' : '?'}digest=${layer.digest}`;

/** Has every clock of this process be so many milliseconds ahead while `work` runs. */
async function later<Result>(milliseconds: number, work: () => Promise<Result>): Promise<Result> {
  const now = Date.now;
  Date.now = () => now() + milliseconds;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

onEachStorage('A push that takes longer than its credentials are good', (serve) => {
  let passes: Passes;
  let client: HttpClient;
  before(async () => {
    passes = new Passes();
    client = await serve({ uploads: { maxAge: 3600 } }, passes.plugin);
  });
  afterEach(() => {
    passes.old.clear();
    passes.struckOff.clear();
  });
  const alice = bearer('alice-1');

  it('ends with those it was begun with; what comes after needs others', async () => {
    let place = await begin(client, 'slow', alice);
    passes.old.add('alice-1');
    expectError(await client.post('/v2/slow/blobs/uploads/', { headers: alice }), 401, 'UNAUTHORIZED');
    place = placeOf(expectStatus(await client.get(place, alice), 204));
    const outOfOrder = { ...alice, 'content-range': '0-9', 'content-length': '10' };
    const again = await client.patch(place, { headers: outOfOrder, body: head });
    expectStatus(again, 416);
    place = placeOf(expectStatus(await client.patch(placeOf(again), { headers: alice, body: tail }), 202));
    expectStatus(await client.put(ending(place), { headers: alice }), 201);
    const manifest = bareManifest('slow');
    const put = async (pass: string): Promise<Answer> =>
      client.put('/v2/slow/manifests/v1', {
        headers: { ...bearer(pass), 'content-type': manifest.mediaType },
        body: manifest.bytes,
      });
    expectError(await put('alice-1'), 401, 'UNAUTHORIZED');
    expectStatus(await put('alice-2'), 201);
  });

  it('goes on with fresh ones of the same user, and with the first ones again', async () => {
    let place = await begin(client, 'refreshed', alice);
    passes.old.add('alice-1');
    place = placeOf(expectStatus(await client.get(place, bearer('alice-2')), 204));
    place = placeOf(expectStatus(await client.patch(place, { headers: bearer('alice-3'), body: tail }), 202));
    expectStatus(await client.put(ending(place), { headers: alice }), 201);
  });

  it('can be cancelled with them', async () => {
    const place = await begin(client, 'cancelled', alice);
    passes.old.add('alice-1');
    expectStatus(await client.delete(place, alice), 204);
    expectError(await client.get(place, alice), 404, 'BLOB_UPLOAD_UNKNOWN');
  });

  it('is nobody else’s: to others who may push it does not exist', async () => {
    const place = await begin(client, 'shared', alice);
    const [bare = ''] = place.split('?');
    for (const [headers, where] of [
      [bearer('bob-1'), place],
      [bearer('bob-1'), bare],
      [{}, place],
      [alice, bare],
      [alice, `${bare}?_state=`],
      [alice, `${bare}?_state=${'A'.repeat(43)}`],
      [alice, `${bare}?_state=${'%00'.repeat(2000)}`],
    ] as const) {
      for (const answer of [
        await client.get(where, headers),
        await client.patch(where, { headers, body: tail }),
        await client.put(ending(where), { headers, body: tail }),
        await client.delete(where, headers),
      ])
        expectError(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
    }
    expectStatus(await client.put(ending(place), { headers: alice, body: tail }), 201);
  });

  it('takes no old credentials but those it was begun with', async () => {
    const place = await begin(client, 'one', alice);
    for (const pass of ['alice-1', 'alice-2', 'bob-1']) passes.old.add(pass);
    for (const pass of ['alice-2', 'bob-1', 'nobody-1'])
      expectError(await client.get(place, bearer(pass)), 401, 'UNAUTHORIZED');
    const answer = await client.patch(place, { headers: bearer('alice-2'), body: tail });
    expect(answer.headers['www-authenticate']).to.equal('Bearer realm="passes"');
    expectStatus(await client.get(place, alice), 204);
  });

  it('knows a ticket that was altered, or is another session’s or another repository’s', async () => {
    const place = await begin(client, 'two', alice);
    const other = await begin(client, 'two', alice);
    const elsewhere = await begin(client, 'three', alice);
    const [bare = '', ticket = ''] = place.split('?_state=');
    const ticketOf = (of: string): string => of.split('?_state=')[1] ?? '';
    const altered = [0, 10, 20, 21, 22, 30, 41, 42].map((at) => {
      const letter = ticket[at] === 'A' ? 'B' : 'A';
      return ticket.slice(0, at) + letter + ticket.slice(at + 1);
    });
    const wrong = [
      ...[ticketOf(other), ticketOf(elsewhere), ticket.slice(0, -1), `${ticket}A`, `${ticket}=`].map(
        (each) => `${bare}?_state=${each}`,
      ),
      `${bare.replace('/two/', '/three/')}?_state=${ticket}`,
      elsewhere.replace('/three/', '/two/'),
    ];
    for (const where of wrong)
      expectError(await client.get(where, bearer('alice-2')), 404, 'BLOB_UPLOAD_UNKNOWN');
    passes.old.add('alice-1');
    for (const where of [...wrong, ...altered.slice(4).map((each) => `${bare}?_state=${each}`)])
      expectError(await client.get(where, alice), 401, 'UNAUTHORIZED');
    for (const each of altered)
      expect((await client.get(`${bare}?_state=${each}`, alice)).status).to.be.oneOf([401, 404]);
    expectStatus(await client.get(`${place}&_state=${ticket}`, alice), 400);
    expectStatus(await client.get(place, alice), 204);
  });

  it('ends when the session has reached its age', async () => {
    const place = await begin(client, 'aged', alice);
    passes.old.add('alice-1');
    await later(3_599_000, async () => expectStatus(await client.get(place, alice), 204));
    await later(3_700_000, async () => expectError(await client.get(place, alice), 401, 'UNAUTHORIZED'));
  });

  it('is asked for its rights on each request', async () => {
    const place = await begin(client, 'denied', alice);
    passes.old.add('alice-1');
    passes.struckOff.add('alice');
    expectError(await client.patch(place, { headers: alice, body: tail }), 403, 'DENIED');
  });

  it('needs no name where everybody may push', async () => {
    const place = await begin(client, 'anonymous', {});
    expectError(await client.get(place, alice), 404, 'BLOB_UPLOAD_UNKNOWN');
    expectStatus(await client.put(ending(place), { body: tail }), 201);
  });

  it('has no ticket where nobody is asked', async () => {
    const open = await serve();
    const place = await begin(open, 'open', {});
    expect(place).to.not.include('?');
    expectStatus(await open.put(`${ending(place)}&_state=whatever`, { body: tail }), 201);
  });
});

onEachStorage('A push that takes longer than a token of the registry itself is good', (serve) => {
  it('ends with the token it was begun with', async () => {
    const passwords = plugin('auth-passwords', (hooks, name) =>
      hooks.authenticate.tap(name, ({ basic }) => basic && { subject: basic.username }),
    );
    const client = await serve({}, passwords, tokenIssuer({ url: 'https://registry.example.com' }));
    const tokenFor = async (name: string, scope: string): Promise<string> => {
      const authorization = `Basic ${Buffer.from(`${name}:x`).toString('base64')}`;
      const answer = expectStatus(await client.get(`/token?scope=${scope}`, { authorization }), 200);
      const body: unknown = JSON.parse(answer.body.toString());
      if (typeof body !== 'object' || body === null || !('token' in body)) throw new Error('no token came');
      return String(body.token);
    };
    const push = 'repository:slow:pull,push';
    const [alice, again, bob, narrow] = [
      bearer(await tokenFor('alice', push)),
      bearer(await tokenFor('alice', push)),
      bearer(await tokenFor('bob', push)),
      bearer(await tokenFor('alice', 'repository:slow:pull')),
    ];
    const place = await begin(client, 'slow', alice);
    await later(1_200_000, async () => {
      expectStatus(await client.get(place, alice), 204);
      for (const headers of [again, bob]) {
        const refused = await client.get(place, headers);
        expectError(refused, 401, 'UNAUTHORIZED');
        expect(refused.headers['www-authenticate']).to.include('error="invalid_token"');
      }
      const refused = await client.get(place, narrow);
      expect(refused.headers['www-authenticate']).to.include('error="insufficient_scope"');
      expectStatus(await client.put(ending(place), { headers: alice, body: tail }), 201);
      expectError(await client.get('/v2/', alice), 401, 'UNAUTHORIZED');
    });
  });
});

describe('A push that takes longer than the token of a token server is good', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-long-push-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('ends at whichever replica, with the token it was begun with', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwksFile = join(folder, 'keys.json');
    await writeFile(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] }));
    const tokenWith = (...actions: readonly string[]): Promise<string> =>
      new SignJWT({ access: [{ type: 'repository', name: 'slow', actions }] })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuer('auth')
        .setSubject('alice')
        .setAudience('registry')
        .setExpirationTime(Math.floor(Date.now() / 1000) - 600)
        .sign(privateKey);
    /** One for which the token is still good, and one for which it is not. */
    const replicas = await Promise.all(
      [3600, 60].map(async (leewaySeconds) => {
        const registry = await createRegistry({
          http: { port: 0 },
          log: { level: 'silent' },
          plugins: [
            storageFilesystem({ root: join(folder, 'storage') }),
            authToken({
              realm: 'https://auth.example.com/token',
              service: 'registry',
              issuers: ['auth'],
              jwksFile,
              leewaySeconds,
            }),
          ],
        });
        return { registry, client: new HttpClient((await registry.start()).url) };
      }),
    );
    try {
      const [fresh, late] = replicas.map(({ client }) => client);
      if (fresh === undefined || late === undefined) throw new Error('there are two replicas');
      const alice = bearer(await tokenWith('pull', 'push'));
      const place = await begin(fresh, 'slow', alice);
      const refused = await late.post('/v2/slow/blobs/uploads/', { headers: alice });
      expectError(refused, 401, 'UNAUTHORIZED');
      expect(refused.headers['www-authenticate']).to.include('error="invalid_token"');
      expectError(await late.get(place, bearer(await tokenWith('pull'))), 401, 'UNAUTHORIZED');
      expectStatus(await late.put(ending(place), { headers: alice, body: tail }), 201);
    } finally {
      for (const { registry, client } of replicas) {
        client.close();
        await registry.stop();
      }
    }
  });
});
