import { Agent, request } from 'node:http';
import { expect } from 'chai';
import { addUser, startRecipe, type Recipe } from './recipe.ts';

interface Heard {
  readonly status: number;
  readonly milliseconds: number;
}

/** A flood of wrong passwords, and what becomes of pulls meanwhile. Figures are printed; counts are what is tested. */
describe('A flood of wrong passwords', () => {
  const pulls = 2000;
  const flooders = 16;
  let recipe: Recipe;
  let path = '';
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const basic = (credentials: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
  });
  const alice = basic('alice:wonderland');

  before(async () => {
    recipe = await startRecipe('team', { alice: 'wonderland' });
    const config = Buffer.from('{}');
    const digest = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
    path = `/v2/team/app/blobs/${digest}`;
    const headers = { ...alice, 'content-type': 'application/octet-stream' };
    const { status } = await ask('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, headers, config);
    expect(status).to.equal(201);
  });
  after(async () => {
    agent.destroy();
    await recipe.stop();
  });

  function ask(
    method: string,
    to: string,
    headers: Record<string, string>,
    body?: Buffer,
    agentOfCaller = agent,
  ): Promise<Heard> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      request(`http://${recipe.host}${to}`, { method, headers, agent: agentOfCaller }, (response) => {
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, milliseconds: performance.now() - began });
        });
        response.resume();
      })
        .on('error', reject)
        .end(body);
    });
  }

  /** Pulls four at a time: so many, and on until `isEnough`. */
  async function pull(isEnough = () => true): Promise<readonly Heard[]> {
    const heard: Heard[] = [];
    const one = async (): Promise<void> => {
      while (heard.length < pulls || !isEnough()) heard.push(await ask('GET', path, alice));
    };
    await Promise.all([one(), one(), one(), one()]);
    return heard;
  }

  const statuses = (heard: readonly Heard[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { status } of heard) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  const p99 = (heard: readonly Heard[]): number => {
    const times = heard.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
    return Math.round((times[Math.floor(times.length * 0.99)] ?? 0) * 10) / 10;
  };

  it('takes no pull away from who is known, and no user is known less for it', async () => {
    await pull();
    const idle = await pull();

    const floodAgent = new Agent({ keepAlive: true, maxSockets: flooders });
    const flood: Heard[] = [];
    let goesOn = true;
    let guess = 0;
    const flooder = async (): Promise<void> => {
      while (goesOn) {
        guess += 1;
        flood.push(
          await ask('GET', '/v2/', basic(`user-${guess % 50}:guess-${guess}`), undefined, floodAgent),
        );
      }
    };
    const flooding = Promise.all(Array.from({ length: flooders }, flooder));
    // First all guesses are checked, then all are refused.
    const checking = await pull(() => flood.some(({ status }) => status === 429));
    const refusing = await pull(() => flood.filter(({ status }) => status === 429).length > 100);
    goesOn = false;
    await flooding;
    floodAgent.destroy();

    const figures = { idle: p99(idle), checking: p99(checking), refusing: p99(refusing) };
    process.stdout.write(`      p99 of pulls in ms: ${JSON.stringify(figures)}; flood: `);
    process.stdout.write(`${JSON.stringify(statuses(flood))}\n`);
    for (const heard of [idle, checking, refusing]) {
      expect(statuses(heard)).to.deep.equal({ 200: heard.length });
    }
    const { 401: checked = 0, 429: refused = 0, ...others } = statuses(flood);
    expect(others).to.deep.equal({});
    expect(checked).to.equal(100);
    expect(checked + refused).to.equal(flood.length);
  });

  it('has nobody else locked out: who is new gets in from elsewhere, and who is known stays', async () => {
    await addUser(recipe.folder, 'bob', 'builder');
    await recipe.registry.line(({ msg }) => msg === 'the password file was read anew');
    expect((await ask('GET', '/v2/', alice)).status).to.equal(200);
    expect((await ask('GET', '/v2/', basic('bob:builder'))).status).to.equal(429);
    const elsewhere = new Agent({ localAddress: '127.0.0.2' });
    expect((await ask('GET', '/v2/', basic('bob:builder'), undefined, elsewhere)).status).to.equal(200);
    elsewhere.destroy();
  });
});
