import { expect } from 'chai';
import { createHooks, RegistryError, StorageError, type RegistryEvent } from '@entrepot/plugin-sdk';
import { EventRecorder, type Happening } from '../../src/events/event-recorder.ts';
import { bareRequest } from '../http/bare-request.ts';
import { rejectionOf } from '../rejection.ts';

const happening: Happening = {
  action: 'push',
  kind: 'manifest',
  repository: 'library/app',
  target: { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
};

describe('The recorder of events', () => {
  const headers = { 'user-agent': 'test', host: 'registry.example.com', 'x-request-id': 'request-1' };
  const { context } = bareRequest(headers, { method: 'PUT' });

  it('makes no events while nobody listens', async () => {
    const recorder = new EventRecorder(createHooks());
    expect(recorder.tell(context, [happening])).to.deep.equal([]);
    expect(await recorder.record(context, [happening])).to.deep.equal([]);
  });

  it('adds to what has happened who asked, when, under which name, and an id of its own', () => {
    const hooks = createHooks();
    hooks.event.tap('sink', () => undefined);
    const [event, other] = new EventRecorder(hooks).tell(context, [happening, happening]);
    expect(event).to.deep.include({
      ...happening,
      requestId: context.requestId,
      method: 'PUT',
      userAgent: 'test',
      host: 'registry.example.com',
    });
    expect(event).to.not.have.property('actor');
    expect(event?.id)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.not.equal(other?.id);
  });

  it('repeats no more than 512 characters of a header', () => {
    const hooks = createHooks();
    hooks.event.tap('sink', () => undefined);
    const long = bareRequest({ 'user-agent': 'x'.repeat(5000) }).context;
    expect(new EventRecorder(hooks).tell(long, [happening])[0]?.userAgent).to.have.length(512);
  });

  it('shows a change to the taps of record, all its events at once, and gives those very events when they are done', async () => {
    const hooks = createHooks();
    const recorded: RegistryEvent[][] = [];
    const written = Promise.withResolvers<void>();
    hooks.record.tapPromise('sink', async (events) => {
      await written.promise;
      recorded.push([...events]);
    });
    let isDone = false;
    const recording = new EventRecorder(hooks).record(context, [happening, { ...happening, action: 'tag' }]);
    void recording.then(() => (isDone = true));
    await new Promise(setImmediate);
    expect(isDone).to.equal(false);
    written.resolve();
    expect(recorded).to.deep.equal([await recording]);
    expect(recorded[0]?.map(({ action }) => action)).to.deep.equal(['push', 'tag']);
  });

  it('shows pulls to no tap of record', () => {
    const hooks = createHooks();
    hooks.record.tap('sink', () => {
      throw new Error('this is no change');
    });
    expect(new EventRecorder(hooks).tell(context, [{ ...happening, action: 'pull' }])).to.have.lengthOf(1);
  });

  it('fails as the storage of the events does, so that the client tries again', async () => {
    const thrownBy = async (thrown: Error): Promise<Error> => {
      const hooks = createHooks();
      hooks.record.tap('sink', () => {
        throw thrown;
      });
      return rejectionOf(new EventRecorder(hooks).record(context, [happening]));
    };
    const down = new StorageError('UNAVAILABLE', 'the disk is gone');
    expect(await thrownBy(down)).to.equal(down);
    const denied = new RegistryError('DENIED');
    expect(await thrownBy(denied)).to.equal(denied);
    expect(await thrownBy(new Error('anything'))).to.deep.include({ code: 'UNAVAILABLE', status: 503 });
  });
});
