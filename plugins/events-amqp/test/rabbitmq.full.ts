import { connect, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import { DeliveryError, spell } from '@entrepot/plugin-sdk/events';
import { Publisher, type PublisherOptions } from '../src/publisher.ts';
import { RabbitMq } from './rabbitmq.ts';

const event: RegistryEvent = {
  id: '00000000-0000-4000-8000-000000000001',
  action: 'push',
  kind: 'manifest',
  time: '2026-01-01T00:00:00.000Z',
  repository: 'team/app',
  target: { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
  address: '192.0.2.7',
  requestId: 'request-1',
  method: 'PUT',
};

describe('Events on RabbitMQ', () => {
  let broker: RabbitMq;
  let client: ChannelModel;
  let publisher: Publisher | undefined;
  const received: ConsumeMessage[] = [];
  let wake: () => void = () => undefined;

  before(async () => {
    broker = await RabbitMq.start();
    client = await connect(broker.url.replace('guest@', 'guest:guest@'));
    client.on('error', () => undefined);
    const channel = await client.createChannel();
    await channel.assertExchange('registry', 'topic');
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, 'registry', 'registry.push');
    await channel.consume(queue, (message) => {
      if (message !== null) received.push(message);
      wake();
    });
  });
  afterEach(async () => {
    await publisher?.close();
    publisher = undefined;
  });
  after(() => broker.stop());

  async function publish(
    what = event,
    options: Partial<PublisherOptions> = {},
  ): Promise<DeliveryError | undefined> {
    publisher ??= new Publisher({
      url: broker.url,
      exchange: 'registry',
      routingKey: 'registry',
      spell: spell('cloudevents'),
      password: () => 'guest',
      tls: () => ({}),
      timeout: 10_000,
      ...options,
    });
    try {
      await publisher.publish(what);
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      throw error;
    }
  }

  it('come to the queue that is bound for them, durable, each with its id', async () => {
    expect(await publish()).to.equal(undefined);
    while (received.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    const [message] = received;
    expect(message?.properties).to.include({
      messageId: event.id,
      contentType: 'application/cloudevents+json; charset=UTF-8',
      deliveryMode: 2,
    });
    expect(JSON.parse(message?.content.toString() ?? '')).to.deep.include({
      type: 'entrepot.registry.push',
      data: event,
    });
  });

  it('wait while no queue is bound for them', async () => {
    expect(await publish({ ...event, action: 'delete' })).to.include({
      fault: 'unavailable',
      message: 'no queue is bound to registry for registry.delete',
    });
  });

  it('wait while there is no such exchange, or the password is wrong', async () => {
    expect((await publish(event, { exchange: 'absent' }))?.fault).to.equal('unavailable');
    await publisher?.close();
    publisher = undefined;
    expect((await publish(event, { password: () => 'wrong' }))?.fault).to.equal('unavailable');
  });

  it('wait while the broker is down', async () => {
    expect(await publish()).to.equal(undefined);
    await broker.stop();
    expect((await publish())?.fault).to.equal('unavailable');
    expect((await publish())?.fault).to.equal('unavailable');
  });
});
