import { setImmediate } from 'node:timers/promises';
import { isStorageError, StorageError } from '@entrepot/plugin-sdk';
import { Requests, RetryBudget, type Attempt } from '@entrepot/plugin-sdk/buckets';
import { expect } from 'chai';
import { backend, type Outcome } from '../src/s3/outcomes.ts';

interface Story {
  readonly requests: Requests<Outcome>;
  readonly retries: Outcome[];
  renewals: number;
}

/** Requests that make no pauses. */
function begin({
  attempts = 4,
  patience = 60_000,
  deadline = 60_000,
  budget = new RetryBudget(),
} = {}): Story {
  const story = { retries: [], renewals: 0 };
  const requests = new Requests(backend, {
    attempts,
    patience,
    deadline,
    budget,
    renewCredentials: async () => {
      told.renewals += 1;
    },
    onRetry: (_, outcome) => told.retries.push(outcome),
    random: () => 0,
  });
  const told: Story = { ...story, requests };
  return told;
}

/** Work that fails with these errors in turn, then succeeds. */
function failing(...errors: readonly unknown[]): () => Promise<string> {
  const left = [...errors];
  return async () => {
    if (left.length > 0) throw left.shift();
    return 'done';
  };
}

const answered = (httpStatusCode: number, name = 'Unknown'): Error =>
  Object.assign(new Error('made up'), { name, $metadata: { httpStatusCode } });
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

async function refusal(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a request', () => {
  for (const [title, error, outcome] of [
    ['503 SlowDown', answered(503, 'SlowDown'), 'busy'],
    ['429', answered(429), 'busy'],
    ['409 ConditionalRequestConflict', answered(409, 'ConditionalRequestConflict'), 'busy'],
    ['400 RequestTimeout', answered(400, 'RequestTimeout'), 'busy'],
    ['500', answered(500, 'InternalError'), 'unknown'],
    ['502', answered(502), 'unknown'],
    ['a connection that broke off', reset, 'unknown'],
    ['a host that has no address', Object.assign(new Error(), { code: 'EAI_AGAIN' }), 'unknown'],
    ['400 ExpiredToken', answered(400, 'ExpiredToken'), 'expired'],
  ] as const) {
    it(`is sent again after ${title}`, async () => {
      const { requests, retries } = begin();
      expect(await requests.send('ask', failing(error, error))).to.deep.equal({ value: 'done' });
      expect(retries).to.deep.equal([outcome, outcome]);
    });
  }

  it('is sent again also when new credentials cannot be had, and the log hears why', async () => {
    const told: string[] = [];
    const requests = new Requests(backend, {
      attempts: 2,
      patience: 60_000,
      budget: new RetryBudget(),
      renewCredentials: () => Promise.reject(new Error('the metadata service is down')),
      onRetry: (what, _, error) => told.push(`${what}: ${error instanceof Error ? error.message : ''}`),
      random: () => 0,
    });
    expect(await requests.send('ask', failing(answered(400, 'ExpiredToken')))).to.deep.equal({
      value: 'done',
    });
    expect(told).to.deep.equal(['ask: made up', 'renew the credentials: the metadata service is down']);
  });

  for (const error of [
    answered(403, 'AccessDenied'),
    answered(404, 'NoSuchBucket'),
    answered(404),
    answered(400, 'InvalidArgument'),
    answered(301, 'PermanentRedirect'),
    new TypeError('a mistake of ours'),
  ]) {
    it(`is not sent again after ${error.name}`, async () => {
      const { requests, retries } = begin();
      const thrown = await refusal(requests.send('ask', failing(error)));
      expect(isStorageError(thrown, 'UNAVAILABLE')).to.equal(true);
      expect(thrown)
        .to.have.property('message')
        .that.matches(/^S3 did not ask: .*(made up|mistake)/);
      expect(thrown).to.have.property('cause', error);
      expect(retries).to.deep.equal([]);
    });
  }

  it('is not sent again after an answer that came and makes no sense, and is in no doubt', async () => {
    const { requests, retries } = begin();
    const senseless = new StorageError('UNAVAILABLE', 'S3 answered without ETag');
    expect(await refusal(requests.send('ask', failing(senseless)))).to.equal(senseless);
    expect(retries).to.deep.equal([]);
  });

  it('is given up although it hears no signal, as those do that wait for credentials', async () => {
    const { requests } = begin({ attempts: 1, patience: 20 });
    const thrown = await refusal(requests.send('ask', () => new Promise(() => undefined)));
    expect(thrown).to.have.property('message', 'S3 did not ask: TimeoutError: nothing has moved for 0.02 s');
  });

  it('ends with NO_SPACE where the backend is full, and with UPLOAD_UNKNOWN where the upload is forgotten', async () => {
    const { requests } = begin();
    for (const [status, name, code] of [
      [403, 'QuotaExceeded', 'NO_SPACE'],
      [507, 'Unknown', 'NO_SPACE'],
      [404, 'NoSuchUpload', 'UPLOAD_UNKNOWN'],
      [400, 'InvalidPart', 'UPLOAD_UNKNOWN'],
    ] as const) {
      const thrown = await refusal(requests.send('ask', failing(answered(status, name))));
      expect(isStorageError(thrown, code), name).to.equal(true);
    }
  });

  it('tells an outcome that is expected, and whether an earlier attempt may have been carried out', async () => {
    const refused = answered(412, 'PreconditionFailed');
    const expected = { expected: ['refused'] } as const;
    for (const [before, doubt] of [
      [[], false],
      [[answered(503)], false],
      [[reset], true],
      [[answered(500)], true],
      [[reset, answered(503)], true],
    ] as const) {
      const answer = await begin().requests.send('ask', failing(...before, refused), expected);
      expect(answer).to.deep.equal({ outcome: 'refused', doubt });
    }
  });

  it('takes the 500 that radosgw gives the losers of a race for a refusal to come', async () => {
    const lost = Object.assign(answered(500, 'UnknownError'), { Code: 'UnknownError' });
    const work = failing(lost, answered(412, 'PreconditionFailed'));
    const answer = await begin().requests.send('ask', work, { expected: ['refused'] });
    expect(answer).to.deep.equal({ outcome: 'refused', doubt: false });
  });

  it('is given up after so many attempts', async () => {
    const { requests, retries } = begin({ attempts: 3 });
    const thrown = await refusal(requests.send('ask', failing(...Array<Error>(10).fill(reset))));
    expect(isStorageError(thrown, 'UNAVAILABLE')).to.equal(true);
    expect(retries).to.have.lengthOf(2);
  });

  it('is given up after its time, of which it has more for the bytes it carries', async () => {
    const { requests, retries } = begin({ deadline: -1000 });
    await refusal(requests.send('ask', failing(reset)));
    expect(retries).to.deep.equal([]);
    await requests.send('ask', failing(reset), { bytes: 10_000_000 });
    expect(retries).to.have.lengthOf(1);
  });

  it('gets new credentials once they have expired', async () => {
    const story = begin();
    await story.requests.send('ask', failing(answered(400, 'ExpiredToken'), answered(503)));
    expect(story.renewals).to.equal(1);
  });

  it('is aborted when nothing moves for too long', async () => {
    const { requests } = begin({ attempts: 1, patience: 20 });
    const hanging = ({ signal }: Attempt): Promise<never> => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      return promise;
    };
    const thrown = await refusal(requests.send('ask', hanging));
    expect(thrown).to.have.property('message', 'S3 did not ask: TimeoutError: nothing has moved for 0.02 s');
  });

  it('goes on for as long as something moves', async () => {
    const { requests } = begin({ attempts: 1, patience: 200 });
    const moving = async ({ signal, progress }: Attempt): Promise<boolean> => {
      for (const end = performance.now() + 500; performance.now() < end; progress()) await setImmediate();
      return signal.aborted;
    };
    expect(await requests.send('ask', moving)).to.deep.equal({ value: false });
  });
});

describe('the budget of retries', () => {
  it('ends after 100 that were in vain: from then on a request has one attempt', async () => {
    const { requests, retries } = begin({ attempts: 11 });
    for (let request = 0; request < 12; request += 1) {
      await refusal(requests.send('ask', failing(...Array<Error>(11).fill(reset))));
    }
    expect(retries).to.have.lengthOf(100);
  });

  it('is filled again by what succeeds: a retry that helps costs nothing, five successes pay for one that did not', async () => {
    const { requests, retries } = begin({ attempts: 101 });
    await refusal(requests.send('ask', failing(...Array<Error>(101).fill(reset))));
    expect(retries).to.have.lengthOf(100);
    await refusal(requests.send('ask', failing(reset)));
    expect(retries).to.have.lengthOf(100);
    for (let request = 0; request < 5; request += 1) await requests.send('ask', failing());
    for (let request = 0; request < 3; request += 1) await requests.send('ask', failing(reset));
    expect(retries).to.have.lengthOf(103);
  });

  it('is the same for all', () => {
    const budget = new RetryBudget();
    for (let retry = 0; retry < 100; retry += 1) expect(budget.spend()).to.equal(true);
    expect(budget.spend()).to.equal(false);
    budget.succeeded(true);
    expect(budget.spend()).to.equal(true);
    expect(budget.spend()).to.equal(false);
  });
});
