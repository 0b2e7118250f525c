import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { VerificationScreen } from '../../src/commands/verification-screen.ts';

describe('The screen of a verification', () => {
  const progress = { total: 1000, objects: 250, bytes: 3 * 1024 ** 3, isWaiting: false };
  const finding = {
    kind: 'dangling-tag',
    key: 'repos/a/tags/b',
    detail: 'the tag points at a manifest that is not there',
  } as const;
  const clear = '\r\u001b[2K';

  /** A terminal of so many columns, and all that was written to it. */
  function terminal(columns: number) {
    const stream = new PassThrough({ encoding: 'utf8' });
    return { stream, target: { columns, write: (text: string) => stream.write(text) } };
  }

  it('has a line that moves', async () => {
    const { stream, target } = terminal(200);
    const screen = new VerificationScreen(target, () => progress);
    await once(stream, 'readable');
    expect(stream.read()).to.equal(
      `${clear}${'█'.repeat(6)}${'░'.repeat(18)} 25 %  250 of 1,000 objects  3.0 GiB hashed`,
    );
    screen.stop();
  });

  it('cuts the line where the terminal ends, so that it stays one line', async () => {
    const { stream, target } = terminal(40);
    const screen = new VerificationScreen(target, () => ({ ...progress, isWaiting: true }));
    await once(stream, 'readable');
    expect(String(stream.read()).slice(clear.length)).to.have.lengthOf(39);
    screen.stop();
  });

  it('tells findings above the line, and a table at the end', () => {
    const { stream, target } = terminal(200);
    const screen = new VerificationScreen(target, () => progress);
    screen.found({ ...finding, repair: 'set the tag aside' });
    screen.found(finding);
    screen.end({
      sound: false,
      objects: 1000,
      bytes: 0,
      seconds: 1.25,
      found: new Map([['dangling-tag', 2]]),
      repaired: new Map([['dangling-tag', 1]]),
    });
    screen.stop();
    expect(String(stream.read()).replaceAll(clear, '').split('\n')).to.deep.equal([
      'dangling-tag  repos/a/tags/b',
      '    the tag points at a manifest that is not there; set the tag aside',
      'dangling-tag  repos/a/tags/b',
      '    the tag points at a manifest that is not there',
      '1,000 objects, in 1.3 s',
      '',
      `${' '.repeat(10)}${'finding'.padEnd(28)}     found  repaired`,
      `${'damage'.padEnd(10)}${'dangling-tag'.padEnd(28)}         2         1`,
      '',
      'The storage is not sound.',
      '',
    ]);
  });
});
