import { expect } from 'chai';
import { bareManifest } from './content.ts';
import { expectStatus, putManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

onEachStorage('Warnings', (serve) => {
  let registry: ServedRegistry;
  let warnings: readonly string[];
  before(async () => {
    registry = await serve(
      {},
      plugin('policy', (hooks, name) =>
        hooks.validateManifest.tap(name, (submission) => {
          for (const warning of warnings) submission.warn(warning);
        }),
      ),
    );
  });

  /** The Warning header of a push that is warned of, as it was received. */
  async function warned(...given: readonly string[]): Promise<string> {
    warnings = given;
    const repository = registry.newRepository();
    const answer = expectStatus(await putManifest(registry, repository, 'v1', bareManifest('x')), 201);
    return answer.headers['warning'] ?? '';
  }

  it('are sent as the spec has them: code 299, agent -, no date', async () => {
    expect(await warned('this image is deprecated')).to.equal('299 - "this image is deprecated"');
  });

  it('are sent in the order in which they were given', async () => {
    expect(await warned('one', 'two', 'three')).to.equal('299 - "one", 299 - "two", 299 - "three"');
  });

  it('are none where there are none', async () => {
    expect(await warned()).to.equal('');
  });

  it('keep quotes and backslashes from ending the text', async () => {
    expect(await warned('say "no" to C:\\temp')).to.equal(String.raw`299 - "say \"no\" to C:\\temp"`);
  });

  it('cannot bring headers of their own, nor bytes that headers cannot hold', async () => {
    expect(await warned('a\r\nSet-Cookie: x\u0000b')).to.equal('299 - "a Set-Cookie: x b"');
    expect(await warned('caf\u00e9 \u{1F600} ok')).to.equal('299 - "caf    ok"');
  });

  it('have 4096 bytes at most together, and those that fit are sent', async () => {
    const long = 'x'.repeat(3000);
    expect(await warned(long, 'short')).to.equal(`299 - "${long}", 299 - "short"`);
    expect(await warned(long, long, 'short')).to.equal(`299 - "${long}", 299 - "short"`);
    expect(await warned('y'.repeat(5000))).to.equal('');
    const exact = 'z'.repeat(4096 - '299 - ""'.length);
    expect((await warned(exact)).length).to.equal(4096);
    expect(await warned(`${exact}z`)).to.equal('');
  });

  it('have 4096 bytes at most together however many they are', async () => {
    const header = await warned(...Array.from({ length: 1000 }, (_, index) => `warning ${index}`));
    expect(header.length).to.be.within(4000, 4096);
    expect(header).to.match(/^(?:299 - "warning \d+"(?:, |$))+$/);
  });
});
