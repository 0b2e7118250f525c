import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { CollectionScreen } from '../../core/src/commands/collection-screen.ts';
import type { Account, CollectProgress, CollectSummary } from '../../core/src/registry/collection.ts';

describe('The screen of a collection', () => {
  const progress: CollectProgress = {
    phase: 'deleting',
    total: 1000,
    objects: 250,
    deleted: 1200,
    freed: 3 * 1024 ** 3,
  };
  const clear = '\r\u001b[2K';
  const nothing: Account = {
    found: 0,
    condemned: 0,
    rescued: 0,
    deleted: 0,
    freed: 0,
    waiting: { count: 0, bytes: 0, from: undefined, until: undefined },
  };
  const summary: CollectSummary = {
    dryRun: false,
    seconds: 12.34,
    blobs: {
      ...nothing,
      found: 1_000_000,
      condemned: 5,
      deleted: 1200,
      freed: 3 * 1024 ** 3,
      waiting: {
        count: 5,
        bytes: 1024,
        from: Date.UTC(2026, 0, 1, 12, 30),
        until: Date.UTC(2026, 0, 2),
      },
    },
    manifests: { ...nothing, found: 200_000 },
    damaged: 0,
  };

  /** A terminal of so many columns, and all that was written to it. */
  function terminal(columns: number) {
    const stream = new PassThrough({ encoding: 'utf8' });
    return { stream, target: { columns, write: (text: string) => stream.write(text) } };
  }
  const step = { action: 'delete', kind: 'blob', digest: 'sha256:00', bytes: 2048 } as const;

  it('has a line that moves, and is cut where the terminal ends', async () => {
    for (const [columns, shown] of [
      [200, `${'█'.repeat(6)}${'░'.repeat(18)} 25 %  deleting  250 of 1,000 objects  1,200 deleted, 3.0 GiB`],
      [30, `${'█'.repeat(6)}${'░'.repeat(18)} 25 %`],
    ] as const) {
      const { stream, target } = terminal(columns);
      const screen = new CollectionScreen(target, () => progress, { showsSteps: false });
      await once(stream, 'readable');
      expect(stream.read()).to.equal(clear + shown);
      screen.stop();
    }
  });

  it('tells steps above the line where nothing is changed, and is silent about them otherwise', () => {
    for (const showsSteps of [true, false]) {
      const { stream, target } = terminal(200);
      const screen = new CollectionScreen(target, () => progress, { showsSteps });
      screen.took(step);
      screen.took({ ...step, kind: 'manifest', action: 'condemn', repository: 'team/app', bytes: 12 });
      screen.stop();
      const told = `${clear}would delete blob sha256:00 (2.0 KiB)\n${clear}would condemn manifest team/app@sha256:00 (12 bytes)\n`;
      expect(stream.read()).to.equal((showsSteps ? told : '') + clear);
    }
  });

  it('ends with what was freed, what waits and until when, and what is damaged', () => {
    const { stream, target } = terminal(200);
    const screen = new CollectionScreen(target, () => progress, { showsSteps: false });
    screen.end(summary);
    screen.end({ ...summary, dryRun: true, damaged: 2 });
    screen.stop();
    const [first = '', second = ''] = String(stream.read()).split(clear).slice(1);
    expect(first.split('\n').map((line) => line.trimEnd())).to.deep.equal([
      'Collected in 12.3 s',
      '',
      '                 there   condemned     rescued     deleted       space',
      'blobs        1,000,000           5           0       1,200     3.0 GiB',
      'manifests      200,000           0           0           0     0 bytes',
      '',
      '5 blobs wait, 1.0 KiB: what nobody needs meanwhile may go from 2026-01-01 12:30 UTC, all of it by 2026-01-02 00:00 UTC',
      '',
    ]);
    expect(second).to.match(/^Nothing was changed; this would have been done in 12.3 s\n/);
    expect(second).to.include('2 manifests and tags could not be understood: all they may refer to is kept');
  });
});
