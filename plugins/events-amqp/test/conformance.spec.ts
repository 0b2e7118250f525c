import eventsAmqp from '@entrepot/events-amqp';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, eventsAmqp, {
  valid: { url: 'amqp://registry@rabbit.example.com:5672/vhost', delivery: 'atLeastOnce' },
  invalid: { url: 'amqp://registry:password@rabbit.example.com' },
});
