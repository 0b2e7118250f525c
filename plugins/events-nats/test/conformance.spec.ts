import eventsNats from '@entrepot/events-nats';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, eventsNats, {
  valid: { servers: ['nats://nats.example.com:4222'], delivery: 'atLeastOnce' },
  invalid: { servers: [] },
});
