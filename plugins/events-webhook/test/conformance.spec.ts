import eventsWebhook from '@entrepot/events-webhook';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';

describePlugin({ describe, it }, eventsWebhook, {
  valid: { endpoints: [{ name: 'ci', url: 'https://ci.example.com/hook', delivery: 'atLeastOnce' }] },
  invalid: { endpoints: [] },
});
