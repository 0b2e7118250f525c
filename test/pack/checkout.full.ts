import { expect } from 'chai';
import { checkout, serving } from './checkout.ts';
import { start } from './command.ts';

describe('the checkout', () => {
  it('starts with npx and nothing else, un-built, on its own example of a configuration', async () => {
    const registry = start(checkout, 'npx', 'registry', 'start', '--port', '0');
    const [, url = ''] = await registry.printed(serving);
    const base = await fetch(`${url}/v2/`);
    await registry.terminate();
    await registry.printed(/the registry has stopped/);
    expect(base.status).to.equal(200);
  });
});
